import Communicator
import Kernels

/// Around the ring, each rank sends to the next; rank 0 begins, so that no two wait for each other.
func messages(_ world: borrowing Communicator) throws {
    let next = (world.rank + 1) % world.size
    let previous = (world.rank + world.size - 1) % world.size
    try withEachPieceLimit(world) { world in
        // The last is too long to be sent before it is received.
        for count in lengths + [40_000] where count < 40_000 || world.pieceBytes > 1 {
            let mine: Buffer<Float> = samples(count, rank: world.rank)
            let theirs = Buffer<Float>(count: count, repeating: -1)
            if world.rank == 0 {
                try world.send(mine, to: next, tag: count)
                try world.receive(into: theirs, from: previous, tag: count)
            } else {
                try world.receive(into: theirs, from: previous, tag: count)
                try world.send(mine, to: next, tag: count)
            }
            try expectEqual(theirs.array, samples(count, rank: previous).array, "\(count) elements")
        }
    }
}

/// A message longer or shorter than the buffer is an error on the receiver, whole or in pieces.
func messageOfOtherLength(_ world: borrowing Communicator) throws {
    var tag = 0
    try withEachPieceLimit(world) { world in
        // 36 and 54 floats are whole numbers of pieces of 72 bytes.
        for (sent, expected) in [(5, 3), (3, 5), (36, 54), (54, 36), (0, 1), (1, 0), (37, 36)] {
            tag += 1
            if world.rank == 0 {
                try world.send(Buffer<Float>(count: sent, repeating: 1), to: 1, tag: tag)
            } else if world.rank == 1 {
                let buffer = Buffer<Float>(count: expected, repeating: 0)
                do throws(MPIError) {
                    try world.receive(into: buffer, from: 0, tag: tag)
                } catch {
                    let classes: [MPIError.Class] = [.truncate, .count]
                    try expect(classes.contains(error.errorClass), "wrong class: \(error)")
                    continue
                }
                throw Mismatch(description: "\(sent) elements fitted \(expected) on \(world.name)")
            }
        }
    }
}
