import Communicator
import Kernels

func derived(_ world: borrowing Communicator) throws {
    // Odd and even ranks, in reverse order; the last rank stays outside.
    let isOutside = world.rank == world.size - 1
    let half = try world.split(
        color: isOutside ? nil : world.rank % 2, key: -world.rank, name: "half \(world.rank % 2)")
    switch half {
    case .none: try expect(isOutside, "no communicator although a colour was given")
    case .some(let half):
        let rank = world.rank
        try expect(!isOutside, "a communicator although no colour was given")
        let members = (0..<world.size - 1).filter { $0 % 2 == rank % 2 }
        try expectEqual(half.size, members.count, "size of \(half.name)")
        try expectEqual(half.rank, members.reversed().firstIndex(of: rank), "rank in \(half.name)")
        let sum = try half.allreduce(Int64(rank), .sum)
        try expectEqual(Int(sum), members.reduce(0, +), "sum over \(half.name)")
    }

    // All ranks of a test run on one machine.
    let node = try world.splitShared()
    try expectEqual([node.rank, node.size], [world.rank, world.size], "node")

    var inner = try node.duplicate()
    try expectEqual(inner.name, "copy of node", "name")
    try expectEqual([inner.rank, inner.size], [world.rank, world.size], "copy")
    inner.pieceBytes = 8
    let pieceBytes = try inner.duplicate(name: "inner").pieceBytes
    try expectEqual(pieceBytes, 8, "inherited limit of a piece")

    // Errors come back from derived communicators as well, and name them.
    try expectRefusal(.root, "broadcast on copy of node (rank \(world.rank))") { () throws(MPIError) in
        _ = try inner.broadcast(Float(1), root: -1)
    }
    // A message too long for its receiver: MPI's own handler would end the job here.
    let buffer = Buffer<Float>(count: world.rank == 0 ? 2 : 1, repeating: 0)
    if world.size > 1 && world.rank == 0 { try inner.send(buffer, to: 1, tag: 0) }
    if world.rank == 1 {
        try expectRefusal(.truncate, "receive from rank 0, tag 0 on copy of node (rank 1)") {
            () throws(MPIError) in try inner.receive(into: buffer, from: 0, tag: 0)
        }
    }
}

/// More communicators than MPI has numbers for at once, so each must be freed.
func manySplits(_ world: borrowing Communicator) throws {
    for i in 0..<5_000 {
        let half = try world.split(color: world.rank % 2, name: "half \(i)")
        try expectEqual(half.size, (world.size + 1 - world.rank % 2) / 2, "size of half \(i)")
    }
}
