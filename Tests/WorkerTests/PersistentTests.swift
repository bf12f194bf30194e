import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct PersistentEntryTests {
    @Test func piecesFollowOneAnother() {
        let pieces = [Buffer<Double>([1, 2]), Buffer([3]), Buffer([4, 5, 6])]
        let entry = PersistentEntry("/a", [2, 3], pieces)
        #expect(entry.count == 6 && entry.byteCount == 48 && entry.isHeld && entry.isFinite)
        #expect(Buffer(joining: pieces).array == [1, 2, 3, 4, 5, 6])
        Buffer<Double>([6, 5, 4, 3, 2, 1]).copy(to: pieces)
        #expect(pieces.map(\.array) == [[6, 5], [4], [3, 2, 1]])
        pieces[1][0] = .nan
        #expect(!entry.isFinite)
    }

    /// One piece is the memory itself, so that what is large is neither copied to be saved nor to be loaded.
    @Test func onePieceIsNotCopied() {
        let own = Buffer<Float>([1, 2])
        Buffer(joining: [own])[0] = 7
        #expect(own[0] == 7)
    }

    @Test func whatIsElsewhereHasASize() {
        let entry = PersistentEntry("/a", [], [Buffer<Float>]?.none)
        #expect(entry.count == 1 && entry.byteCount == 4 && !entry.isHeld && entry.isFinite)
    }
}

@Suite(.enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct PersistentTests {
    /// Arrays of every kind of holder go into one file and come back, on one replica and on two.
    @Test(arguments: [2, 4]) func arraysComeBackOnEveryRank(ranks: Int) async throws {
        let scratch = try Scratch()
        let outcome = try await mpirun(
            ranks: ranks, BuiltProduct.url(named: "persistent-probe"), [scratch.path + "/arrays.h5"])
        #expect(outcome.succeeded && outcome.output == "passed\n", "\(outcome)")
    }
}
