import Communicator
import Kernels

/// What is wrong on this rank alone is refused before MPI is called, so no other rank takes part.
func refusedArguments(_ world: borrowing Communicator) throws {
    guard world.rank == 0 else { return }
    let three = Buffer<Float>(count: 3, repeating: 1)
    let four = Buffer<Float>(count: 4, repeating: 1)
    let size = world.size

    try expectRefusal(.count, "allreduce on world (rank 0): send has 3 elements and receive 4") {
        () throws(MPIError) in try world.allreduce(three, into: four, .sum)
    }
    try expectRefusal(.count, "iallreduce 'g' on world (rank 0): send has 3 elements and receive 4") {
        () throws(MPIError) in try world.iallreduce(three, into: four, .sum, name: "g").wait()
    }
    for (send, receive) in [(four, four), (four[0..<3], four[1..<4]), (four[2..<4], four[1..<3])] {
        try expectRefusal(.buffer, "share memory") { () throws(MPIError) in
            try world.allreduce(send, into: receive, .sum)
        }
        try expectRefusal(.buffer, "share memory") { () throws(MPIError) in
            try world.iallreduce(send, into: receive, .sum, name: "g").wait()
        }
    }
    try expectRefusal(.count, "receive has 4 elements; \(size) ranks of 3 need \(3 * size)") {
        () throws(MPIError) in try world.gather(three, into: four, root: 0)
    }
    try expectRefusal(.count, "receive has 4 elements; \(size) ranks of 3 need \(3 * size), at most 2147483647") {
        () throws(MPIError) in try world.iallgather(three, into: four, name: "g").wait()
    }
    try expectRefusal(.count, "receive has 0 elements") { () throws(MPIError) in
        try world.gather(three, into: nil, root: 0)
    }
    for other in [-1, size, .max] {
        let text = "\(other) is outside 0..<\(size)"
        try expectRefusal(.root, text) { () throws(MPIError) in try world.broadcast(three, root: other) }
        try expectRefusal(.root, text) { () throws(MPIError) in try world.reduce(three, .sum, root: other) }
        try expectRefusal(.root, text) { () throws(MPIError) in
            try world.gather(three, into: four, root: other)
        }
        try expectRefusal(.rank, text) { () throws(MPIError) in try world.send(three, to: other, tag: 0) }
        try expectRefusal(.rank, text) { () throws(MPIError) in
            try world.receive(into: three, from: other, tag: 0)
        }
        try expectRefusal(.rank, text) { () throws(MPIError) in
            try world.isend(three, to: other, tag: 0, name: "m").wait()
        }
        try expectRefusal(.rank, text) { () throws(MPIError) in
            try world.ireceive(into: three, from: other, tag: 0, name: "m").wait()
        }
    }
    for tag in [-1, .max] {
        let text = "tag \(tag) is outside 0..."
        try expectRefusal(.tag, text) { () throws(MPIError) in try world.send(three, to: 0, tag: tag) }
        try expectRefusal(.tag, text) { () throws(MPIError) in
            try world.receive(into: three, from: 0, tag: tag)
        }
        try expectRefusal(.tag, text) { () throws(MPIError) in
            try world.isend(three, to: 0, tag: tag, name: "m").wait()
        }
        try expectRefusal(.tag, text) { () throws(MPIError) in
            try world.ireceive(into: three, from: 0, tag: tag, name: "m").wait()
        }
    }
    try expectRefusal(.argument, "colour -1 is outside") { () throws(MPIError) in
        _ = try world.split(color: -1, name: "none")
    }
    try expectRefusal(.argument, "key \(Int.max) does not fit") { () throws(MPIError) in
        _ = try world.split(color: 0, key: .max, name: "none")
    }
}
