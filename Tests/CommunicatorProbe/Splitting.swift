import Communicator
import Kernels

/// Rank 0 splits every operation by its limit; rank 1 makes the calls of those pieces one by one.
///
/// Results alone would look the same without any splitting; here the two ranks would not fit together.
func splitting(_ world: borrowing Communicator) throws {
    try expectEqual(world.pieceBytes, 1 << 30, "limit of a piece")
    var copy = try world.duplicate()
    let isSplit = world.rank == 0
    if isSplit { copy.pieceBytes = 8 }
    let count = 5
    // Two floats in a piece; messages that end with a full piece are followed by an empty one.
    let whole = [0..<count]
    let parts = isSplit ? whole : [0..<2, 2..<4, 4..<5]
    let evenParts = isSplit ? [0..<4] : [0..<2, 2..<4, 4..<4]
    let sums: [Float] = reducedSamples(count, size: 2, .sum)
    let mine: Buffer<Float> = samples(count, rank: world.rank)

    let buffer = Buffer(mine.array)
    for part in parts { try copy.allreduce(buffer[part], .sum) }
    try expectEqual(buffer.array, sums, "allreduce")

    let receive = Buffer<Float>(count: count, repeating: 0)
    for part in parts { try copy.allreduce(mine[part], into: receive[part], .sum) }
    try expectEqual(receive.array, sums, "allreduce into another")

    receive.fill(0)
    var queue = RequestQueue()
    for part in parts {
        queue.add(try copy.iallreduce(mine[part], into: receive[part], .sum, name: "\(part)"))
    }
    try queue.waitAll()
    try expectEqual(receive.array, sums, "iallreduce")

    for part in parts { try copy.reduce(buffer[part], .max, root: 1) }
    for part in parts { try copy.broadcast(receive[part], root: 0) }
    try expectEqual(receive.array, sums, "broadcast")

    // Two ranks share the limit: one float of each in a piece.
    let all = Buffer<Float>(count: 2 * count, repeating: 0)
    for part in isSplit ? whole : (0..<count).map({ $0..<$0 + 1 }) {
        try copy.gather(mine[part], into: isSplit ? all : nil, root: 0)
    }
    if isSplit {
        try expectEqual(all[count..<2 * count].array, samples(count, rank: 1).array, "gather")
    }

    for (tag, parts) in [parts, evenParts].enumerated() {
        for part in parts {
            if isSplit { try copy.send(mine[part], to: 1, tag: tag) }
            if !isSplit { try copy.receive(into: receive[part], from: 0, tag: tag) }
        }
        for part in parts {
            if isSplit { queue.add(try copy.ireceive(into: receive[part], from: 1, tag: tag, name: "\(part)")) }
            if !isSplit { queue.add(try copy.isend(mine[part], to: 0, tag: tag, name: "\(part)")) }
        }
        try queue.waitAll()
    }
    try expectEqual(receive.array, samples(count, rank: 1 - world.rank).array, "messages")
}
