import Communicator
import Kernels

#if canImport(Glibc)
import Glibc
#endif

/// Rank 2 throws while all others wait for it: the whole job must end.
func failingRank(_ world: borrowing Communicator) throws {
    if world.rank == 2 { throw Mismatch(description: "out of luck\nat step 17") }
    _ = try world.allreduce(Float(1), .sum)
}

/// A request that rank 1 never completes.
func unfinishedRequest(_ world: borrowing Communicator) throws {
    guard world.rank == 1 else { return try world.barrier() }
    let receive = Buffer<Float>(count: 10, repeating: 0)
    _ = try world.ireceive(into: receive, from: 0, tag: 9, name: "bucket 42")
}

/// The same with a queue.
func unfinishedQueue(_ world: borrowing Communicator) throws {
    guard world.rank == 1 else { return try world.barrier() }
    var queue = RequestQueue()
    queue.add(
        try world.ireceive(
            into: Buffer<Float>(count: 10, repeating: 0), from: 0, tag: 9, name: "bucket 43"))
}

/// Giving up traps nowhere, by hand, by scope and after an error of MPI's.
func abandonedRequests(_ world: borrowing Communicator) throws {
    if world.rank == 1 { return try world.send(Buffer<Float>(count: 2, repeating: 0), to: 0, tag: 4) }
    func endless(_ name: String, tag: Int) throws(MPIError) -> Request {
        try world.ireceive(into: Buffer<Float>(count: 1, repeating: 0), from: 1, tag: tag, name: name)
    }
    try endless("by hand", tag: 1).abandon()

    do {
        try withRequests { requests in
            requests.add(try endless("by scope", tag: 2))
            throw Mismatch(description: "on purpose")
        }
        throw Mismatch(description: "the body's error was lost")
    } catch let error as Mismatch {
        try expectEqual(error.description, "on purpose", "the body's error")
    }

    var queue = RequestQueue()
    queue.add(try endless("beside a failing one", tag: 3))
    queue.add(try endless("failing", tag: 4))
    do {
        while try !queue.progress() {}
        throw Mismatch(description: "a message that is too long was taken")
    } catch let error as MPIError {
        try expectEqual(error.errorClass, .truncate, "class of '\(error)'")
        try expect("\(error)".contains("ireceive 'failing'"), "no name in '\(error)'")
        try expectEqual(queue.count, 0, "left in the queue")
    }
}

/// Goes on until any rank was signalled, as a training loop does at its step boundary.
func stopSignal(_ world: borrowing Communicator) throws {
    try expect(StopSignal.raised == nil, "raised before any signal came")
    let processes = try world.gather(Int32(getpid()), root: 0)
    if let processes { print("ready \(processes.map(String.init).joined(separator: " "))") }
    fflush(nil)
    var steps = 0
    while try world.allreduce(StopSignal.raisedNumber, .max) == 0 { steps += 1 }
    let name = try world.gather(StopSignal.raised?.name ?? "none", root: 0)
    if let name { print("raised \(name.joined(separator: " "))") }
}
