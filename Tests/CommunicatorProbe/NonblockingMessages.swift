import Communicator
import Kernels

/// Every rank sends to every rank, itself included, and receives in the opposite order.
func nonblockingMessages(_ world: borrowing Communicator) throws {
    try withEachPieceLimit(world) { world in
        for count in lengths + [40_000] where count < 40_000 || world.pieceBytes > 72 {
            let rank = world.rank
            let size = world.size
            let mine: Buffer<Float> = samples(count, rank: rank)
            var received: [Buffer<Float>] = []
            try withRequests { (requests: inout RequestQueue) in
                for source in (0..<size).reversed() {
                    let buffer = Buffer<Float>(count: count, repeating: -1)
                    received.append(buffer)
                    requests.add(
                        try world.ireceive(into: buffer, from: source, tag: rank, name: "from \(source)"))
                }
                for destination in 0..<size {
                    requests.add(
                        try world.isend(
                            mine, to: destination, tag: destination, name: "to \(destination)"))
                }
                try requests.progress()
            }
            for (source, buffer) in zip((0..<size).reversed(), received) {
                try expectEqual(buffer.array, samples(count, rank: source).array, "\(count) from \(source)")
            }
        }
    }
    if world.size > 1 { try otherLength(world) }
}

/// A message of the wrong length is an error of the request, which then counts as finished.
private func otherLength(_ world: borrowing Communicator) throws {
    for (tag, lengths) in [(5, 3), (3, 5), (0, 1), (1, 0)].enumerated() {
        if world.rank == 0 {
            try world.send(Buffer<Int32>(count: lengths.0, repeating: 1), to: 1, tag: tag)
        }
        guard world.rank == 1 else { continue }
        let buffer = Buffer<Int32>(count: lengths.1, repeating: 0)
        var receive = try world.ireceive(into: buffer, from: 0, tag: tag, name: "of \(lengths.1)")
        do throws(MPIError) {
            while try !receive.test() {}
        } catch {
            try expect("\(error)".contains("ireceive 'of \(lengths.1)' from rank 0"), "no name in '\(error)'")
            try expect(try receive.test(), "a failed request counts as finished")
            continue
        }
        throw Mismatch(description: "\(lengths.0) elements fitted \(lengths.1)")
    }
}

/// No rank leaves a barrier that another has not entered.
func nonblockingBarrier(_ world: borrowing Communicator) throws {
    let last = world.size - 1
    let token = Buffer<UInt8>(count: 1, repeating: 1)
    var barrier: Request
    if world.rank == last && world.size > 1 {
        // Rank 0 lets us go only after it has seen its own barrier unfinished.
        try world.receive(into: token, from: 0, tag: 1)
        barrier = try world.ibarrier(name: "gate")
    } else {
        barrier = try world.ibarrier(name: "gate")
        if world.rank == 0 && world.size > 1 {
            for _ in 0..<1000 { try expect(try !barrier.test(), "left a barrier that rank \(last) has not entered") }
            try world.send(token, to: last, tag: 1)
        }
    }
    try expectEqual(barrier.name, "gate", "name")
    try barrier.wait()
    try world.barrier()
}
