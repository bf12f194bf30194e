import Communicator
import Kernels

/// A value that is not what it should be.
struct Mismatch: Error, CustomStringConvertible {
    let description: String
}

func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
    if !condition { throw Mismatch(description: text()) }
}

func expectEqual<Value: Equatable>(_ found: Value, _ expected: Value, _ text: @autoclosure () -> String) throws {
    try expect(found == expected, "\(text()): \(found) instead of \(expected)")
}

/// Passes where `body` throws an `MPIError` of this class whose description holds `part`.
func expectRefusal(
    _ errorClass: MPIError.Class, _ part: String, _ body: () throws(MPIError) -> Void
) throws {
    do {
        try body()
    } catch {
        try expectEqual(error.errorClass, errorClass, "class of '\(error)'")
        try expect("\(error)".contains(part), "'\(error)' does not say '\(part)'")
        try expect(!"\(error)".contains("\n"), "'\(error)' is longer than a line")
        return
    }
    throw Mismatch(description: "no error where '\(part)' was expected")
}

/// Element `i` of what `rank` contributes: small whole numbers, whose sums are exact in every type.
func sample<Element: MPIElement & Numeric>(_ i: Int, rank: Int) -> Element {
    Element(exactly: (i * 7 + i / 13 + rank * 3) % 11)!
}

/// What `rank` contributes, [count].
func samples<Element: MPIElement & Numeric>(_ count: Int, rank: Int) -> Buffer<Element> {
    Buffer((0..<count).map { sample($0, rank: rank) })
}

/// The reduction of all ranks' samples, computed without MPI, [count].
func reducedSamples<Element: MPIElement & Numeric & Comparable>(
    _ count: Int, size: Int, _ operation: ReductionOperation
) -> [Element] {
    (0..<count).map { i in
        let all: [Element] = (0..<size).map { sample(i, rank: $0) }
        return switch operation {
        case .sum: all.reduce(0, +)
        case .max: all.max()!
        case .min: all.min()!
        }
    }
}

/// Lengths around and across pieces of 64 bytes, and long enough for another algorithm.
let lengths = [0, 1, 7, 8, 9, 64, 65, 127, 1000]

/// Limits of a piece in bytes: none reached, one that divides no length evenly, and a single element.
let pieceLimits = [1 << 30, 72, 1]

/// Runs `body` with copies of the communicator that split operations at each of `pieceLimits`.
func withEachPieceLimit(
    _ world: borrowing Communicator, _ body: (borrowing Communicator) throws -> Void
) throws {
    for pieceBytes in pieceLimits {
        var copy = try world.duplicate(name: "world in pieces of \(pieceBytes) bytes")
        copy.pieceBytes = pieceBytes
        try body(copy)
    }
}
