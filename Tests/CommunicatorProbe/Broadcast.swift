import Communicator
import Kernels

func broadcast(_ world: borrowing Communicator) throws {
    try withEachPieceLimit(world) { world in
        for root in 0..<world.size {
            for count in lengths {
                let buffer: Buffer<Float> = samples(count, rank: world.rank)
                try world.broadcast(buffer, root: root)
                try expectEqual(buffer.array, samples(count, rank: root).array, "\(count) from \(root)")

                // Only the root knows the length.
                let mine: [UInt8] =
                    world.rank == root
                    ? samples(count, rank: root).array : Array(repeating: 7, count: world.rank)
                let bytes = try world.broadcast(mine, root: root)
                try expectEqual(bytes, samples(count, rank: root).array, "\(count) bytes from \(root)")
            }
            try expectEqual(
                try world.broadcast(Int64(world.rank * 10), root: root), Int64(root * 10), "scalar")
            for text in ["", "plain", "Größe 漢字 🜁\n\0end", String(repeating: "é", count: 500)] {
                let heard = try world.broadcast(world.rank == root ? text : "ignored", root: root)
                try expectEqual(heard, text, "text from \(root)")
            }
        }
    }
}
