import Communicator
import Kernels

/// Single reductions, short and long enough for the ring algorithm, in one piece and in many.
func nonblockingReductions(_ world: borrowing Communicator) throws {
    for (pieceBytes, counts) in [
        (1 << 30, lengths + [16_384, 100_003, 1_000_003]),
        // Pieces of 70,000 bytes are long enough for the ring algorithm too, and divide nothing evenly.
        (70_001, [16_384, 100_003]),
        (72, lengths),
    ] {
        var copy = try world.duplicate()
        copy.pieceBytes = pieceBytes
        for count in counts {
            for operation in ReductionOperation.allCases {
                try reduceUnderWay(copy, count, operation, Float.self)
            }
            try reduceUnderWay(copy, count, .sum, Double.self)
            try reduceUnderWay(copy, count, .sum, Int32.self)
            try reduceUnderWay(copy, count, .max, Int64.self)
            try reduceUnderWay(copy, count, .min, UInt8.self)
        }
    }
}

/// What all ranks have, on all ranks, in one piece and in many.
func nonblockingGathers(_ world: borrowing Communicator) throws {
    for pieceBytes in [1 << 30, 1001, 8] {
        var copy = try world.duplicate()
        copy.pieceBytes = pieceBytes
        for count in lengths {
            try gatherUnderWay(copy, count, Float.self)
            try gatherUnderWay(copy, count, Int32.self)
        }
    }
}

private func gatherUnderWay<Element: MPIElement & Numeric & Comparable>(
    _ world: borrowing Communicator, _ count: Int, _: Element.Type
) throws {
    let receive = Buffer<Element>(count: count * world.size, repeating: 99)
    var request = try world.iallgather(samples(count, rank: world.rank), into: receive, name: "\(count)")
    if world.rank % 2 == 0 { while try !request.test() {} }
    try request.wait()
    let expected: [Element] = (0..<world.size).flatMap { samples(count, rank: $0).array }
    try expectEqual(receive.array, expected, "iallgather of \(count) \(Element.self)s")
}

private func reduceUnderWay<Element: MPIElement & Numeric & Comparable>(
    _ world: borrowing Communicator, _ count: Int, _ operation: ReductionOperation, _: Element.Type
) throws {
    let receive = Buffer<Element>(count: count, repeating: 99)
    // The request alone owns what is sent.
    var request = try world.iallreduce(
        samples(count, rank: world.rank), into: receive, operation, name: "\(count)")
    if world.rank % 2 == 0 {
        while try !request.test() {}
        try expect(try request.test(), "a finished request stays finished")
    }
    try request.wait()
    let expected: [Element] = reducedSamples(count, size: world.size, operation)
    try expectEqual(receive.array, expected, "\(operation) of \(count) \(Element.self)s")
}

/// Many reductions at once, taken to their end in another order on each rank.
func scrambledCompletion(_ world: borrowing Communicator) throws {
    let counts = (0..<64).map { ($0 * 977) % 40_000 + $0 % 3 }
    let receives = counts.map { Buffer<Float>(count: $0, repeating: -1) }
    var queues = Queues()
    for (i, count) in counts.enumerated() {
        let request = try world.iallreduce(
            samples(count, rank: world.rank), into: receives[i], .sum, name: "bucket \(i)")
        // An odd step reaches all of 0..<64 and sorts differently on each rank.
        if i * (2 * world.rank + 5) % 64 < 32 {
            queues.early.add(request)
        } else {
            queues.late.add(request)
        }
        if i % 5 == world.rank % 5 { try queues.late.progress() }
    }
    try queues.late.waitAll()
    try expect(queues.late.isEmpty, "a queue waited for is empty")
    while try !queues.early.progress() {
        try expectEqual(queues.early.names.count, queues.early.count, "names of the unfinished")
    }
    for (i, count) in counts.enumerated() {
        try expectEqual(receives[i].array, reducedSamples(count, size: world.size, .sum), "bucket \(i)")
    }

    // Two at a time, the younger first.
    for i in 0..<20 {
        let receive = [Buffer<Double>(count: 9_001, repeating: 0), Buffer<Double>(count: i, repeating: 0)]
        let older = try world.iallreduce(
            samples(9_001, rank: world.rank), into: receive[0], .sum, name: "older")
        let younger = try world.iallreduce(
            samples(i, rank: world.rank), into: receive[1], .max, name: "younger")
        if world.rank % 2 == 0 {
            try younger.wait()
            try older.wait()
        } else {
            try older.wait()
            try younger.wait()
        }
        try expectEqual(receive[0].array, reducedSamples(9_001, size: world.size, .sum), "older")
        try expectEqual(receive[1].array, reducedSamples(i, size: world.size, .max), "younger")
    }
}

private struct Queues: ~Copyable {
    var early = RequestQueue()
    var late = RequestQueue()
}
