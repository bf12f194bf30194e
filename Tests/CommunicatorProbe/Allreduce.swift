import Communicator
import Kernels

func allreduce(_ world: borrowing Communicator) throws {
    try withEachPieceLimit(world) { world in
        try allreduce(world, Float.self)
        try allreduce(world, Double.self)
        try allreduce(world, Int32.self)
        try allreduce(world, Int64.self)
        try allreduce(world, UInt8.self)
    }
    // Long enough for the ring algorithm.
    let long: Buffer<Float> = samples(300_007, rank: world.rank)
    try world.allreduce(long, .sum)
    try expectEqual(long.array, reducedSamples(300_007, size: world.size, .sum), "long sum")
}

private func allreduce<Element: MPIElement & Numeric & Comparable>(
    _ world: borrowing Communicator, _: Element.Type
) throws {
    for operation in ReductionOperation.allCases {
        for count in lengths {
            let place = "\(operation) of \(count) \(Element.self)s on \(world.name)"
            let expected: [Element] = reducedSamples(count, size: world.size, operation)
            let mine: Buffer<Element> = samples(count, rank: world.rank)

            let receive = Buffer<Element>(count: count, repeating: 99)
            try world.allreduce(mine, into: receive, operation)
            try expectEqual(receive.array, expected, place)
            try expectEqual(mine.array, samples(count, rank: world.rank).array, "sent, \(place)")

            try expectEqual(try world.allreduce(mine.array, operation), expected, "array, \(place)")

            try world.allreduce(mine, operation)
            try expectEqual(mine.array, expected, "in place, \(place)")
        }
        let scalar: Element = sample(5, rank: world.rank)
        try expectEqual(
            try world.allreduce(scalar, operation), reducedSamples(6, size: world.size, operation)[5],
            "scalar \(operation)")
    }
}

/// Arrays whose lengths differ between ranks are refused on all of them.
func arrayOfOtherLength(_ world: borrowing Communicator) throws {
    let count = world.rank == 1 ? 4 : 3
    try expectRefusal(.count, "has \(count) elements, the others 3 to 4") { () throws(MPIError) in
        _ = try world.allreduce([Float](repeating: 1, count: count), .sum)
    }
    try expectEqual(try world.allreduce([Int64(1)], .sum), [Int64(world.size)], "afterwards")
}
