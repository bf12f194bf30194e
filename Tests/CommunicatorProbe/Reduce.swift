import Communicator
import Kernels

func reduce(_ world: borrowing Communicator) throws {
    try withEachPieceLimit(world) { world in
        for root in 0..<world.size {
            for operation in ReductionOperation.allCases {
                for count in lengths {
                    let mine: Buffer<Double> = samples(count, rank: world.rank)
                    let before = mine.array
                    try world.reduce(mine, operation, root: root)
                    let expected =
                        world.rank == root
                        ? reducedSamples(count, size: world.size, operation) : before
                    try expectEqual(mine.array, expected, "\(operation) of \(count) at \(root)")
                }
            }
            let scalar = try world.reduce(Int32(world.rank + 1), .sum, root: root)
            let sum = Int32(world.size * (world.size + 1) / 2)
            try expectEqual(scalar, world.rank == root ? sum : nil, "scalar at \(root)")
        }
    }
}
