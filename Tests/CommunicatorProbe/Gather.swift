import Communicator
import Kernels

func gather(_ world: borrowing Communicator) throws {
    try withEachPieceLimit(world) { world in
        for root in 0..<world.size {
            for count in lengths {
                try gatherEqual(world, count, root: root)
                try gatherUnequal(world, count, root: root)
            }
            let ranks = try world.gather(Int32(world.rank), root: root)
            try expectEqual(
                ranks, world.rank == root ? (0..<Int32(world.size)).map { $0 } : nil, "scalars")
            let texts = try world.gather(String(repeating: "ä", count: world.rank * 20), root: root)
            let expected = (0..<world.size).map { String(repeating: "ä", count: $0 * 20) }
            try expectEqual(texts, world.rank == root ? expected : nil, "texts at \(root)")
        }
    }
}

private func gatherEqual(_ world: borrowing Communicator, _ count: Int, root: Int) throws {
    let mine: Buffer<Float> = samples(count, rank: world.rank)
    let all = world.rank == root ? Buffer<Float>(count: count * world.size, repeating: -1) : nil
    try world.gather(mine, into: all, root: root)
    guard let all else { return }
    for source in 0..<world.size {
        try expectEqual(
            all[source * count..<(source + 1) * count].array, samples(count, rank: source).array,
            "\(count) of rank \(source) at \(root)")
    }
}

/// Ranks give arrays of very different lengths: nothing, `count`, 2 `count`, …
private func gatherUnequal(_ world: borrowing Communicator, _ count: Int, root: Int) throws {
    let mine: Buffer<Int64> = samples(count * world.rank, rank: world.rank)
    let all = try world.gather(mine.array, root: root)
    let size = world.size
    let expected: [[Int64]] = (0..<size).map { samples(count * $0, rank: $0).array }
    try expectEqual(all, world.rank == root ? expected : nil, "multiples of \(count) at \(root)")
}
