import Corpus
import Exchange
import Foundation
import Kernels
import TestSupport
import Testing

/// Whatever the bytes, a file is opened and read or refused in one line; the process goes on.
@Suite struct MutationTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// What is put into headers in place of something else.
    private static let pieces = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "-", "0", "1e400", "1152921504606846976",
        "9223372036854775807", "9223372036854775808", "null", "\"a\":", "\u{0}", "\u{FF}", " ", "F32", "F64", "BOOL",
    ].map { Array($0.utf8) }

    private func mutated(_ good: [UInt8], headerEnd: Int, _ random: inout Draw) -> [UInt8] {
        var bytes = good
        for _ in 0...random.below(3) {
            let count = max(bytes.count, 1)
            // Mostly in the header: the data has no rules to break.
            let place = random.below(min(random.below(4) == 0 ? count : headerEnd, count))
            let end = min(place + random.below(12), bytes.count)
            switch random.below(6) {
            case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(random.below(8)) }
            case 1: bytes.removeSubrange(min(place, end)..<end)
            case 2: bytes.insert(contentsOf: Self.pieces[random.below(Self.pieces.count)], at: min(place, bytes.count))
            case 3: bytes.replaceSubrange(min(place, end)..<end, with: Self.pieces[random.below(Self.pieces.count)])
            case 4: bytes.insert(contentsOf: bytes[min(place, end)..<end], at: min(place, bytes.count))
            default: if random.below(4) == 0 { bytes.removeLast(bytes.count - min(place, bytes.count)) }
            }
        }
        // Else most would fail at the length.
        if random.below(2) == 0, bytes.count > 8 {
            bytes.replaceSubrange(0..<8, with: lengthField(UInt64(max(headerEnd - 8 + bytes.count - good.count, 0))))
        }
        return bytes
    }

    @Test(arguments: ["types.safetensors", "float32.safetensors"])
    func safetensors(name: String) throws {
        let good = Array(try contents(golden(name)))
        let headerEnd = 8 + Int(good[0]) + Int(good[1]) << 8
        var random = Draw(seed: 20_260_101)
        var (opened, refused) = (0, 0)
        for _ in 0..<4000 {
            let path = try scratch.write(Data(mutated(good, headerEnd: headerEnd, &random)), to: "model.safetensors")
            do {
                let file = try SafetensorsFile(path: path)
                opened += 1
                for tensor in file.tensors {
                    try #require(tensor.count <= good.count)
                    do {
                        try file.read(tensor.name, shape: tensor.shape, into: Buffer(uninitialized: tensor.count))
                    } catch {
                        guard case .unreadableType = error else { throw error }
                    }
                }
            } catch let error as ExchangeError {
                refused += 1
                #expect(isOneLine("\(error)"), "\("\(error)".debugDescription)")
                #expect("\(error)".hasPrefix(path))
            }
        }
        // Both happen: the mutations are neither harmless nor hopeless.
        #expect(opened > 50 && refused > 1000, "\(opened) opened, \(refused) refused")
    }

    @Test func configuration() throws {
        let good = Array(SmallConfiguration.llama3.utf8)
        var random = Draw(seed: 7)
        var (read, refused) = (0, 0)
        for _ in 0..<4000 {
            let bytes = mutated(good, headerEnd: good.count, &random)
            let path = try scratch.write(Data(bytes), to: "config.json")
            do {
                _ = try DescribedModel(configuration: path)
                read += 1
            } catch {
                refused += 1
                #expect(isOneLine("\(error)"), "\("\(error)".debugDescription)")
                #expect("\(error)".hasPrefix(path))
            }
        }
        #expect(read > 20 && refused > 1000, "\(read) read, \(refused) refused")
    }
}

/// Numbers that are the same in every run.
private struct Draw {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// A number from 0 to below `limit`.
    mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(max(limit, 1)))
    }
}
