import Communicator

private struct Failure: Error, CustomStringConvertible {
    let description: String
}

func agreement(_ world: borrowing Communicator) throws {
    let rank = world.rank
    try expectEqual(try world.vote(nil), nil, "a vote without failures")
    try expectEqual(try world.agree { rank * 2 }, rank * 2, "the body's result")

    // Rank 2 fails, then ranks 1 and 2, then all: the lowest has the cause, all others hear of it.
    for failing in [[2], [1, 2], Array(0..<world.size)] {
        let lowest = failing[0]
        let text = "disk full on \(lowest), größer \(String(repeating: "x", count: 3000))"
        do {
            try world.agree {
                if failing.contains(rank) {
                    throw Failure(description: rank == lowest ? text : "another failure")
                }
            }
        } catch let error as Failure {
            try expectEqual(rank, lowest, "the rank with the cause")
            try expectEqual(error.description, text, "the cause")
            continue
        } catch let error as RemoteError {
            try expect(rank != lowest, "the failing rank heard of itself as another")
            try expectEqual(error, RemoteError(rank: lowest, message: text), "what was heard")
            try expectEqual("\(error)", "rank \(lowest) failed: \(text)", "description")
            continue
        }
        throw Mismatch(description: "went ahead although \(failing) failed")
    }
    try expectEqual(
        try world.vote(rank == 3 ? "late" : nil), RemoteError(rank: 3, message: "late"), "a vote")
    try world.barrier()
}
