import CKernels
import Kernels
import Synchronization

/// Keys and values of all heads as the forward kernels read them, for one pass at a time, in memory that grows to the
/// largest pass: what keys and values take, up to whole vectors.
final class PackedHeads: Sendable {
    private let memory = Mutex(Buffer<Float>(uninitialized: 0))

    /// One pass's.
    struct Pass: Sendable {
        let buffer: Buffer<Float>
        /// Elements of a head's keys, and of its keys and values.
        let keyCount, headCount: Int
        /// Elements from a row of values to the next.
        let valueStride: Int

        func keys(of head: Int) -> UnsafeMutablePointer<Float> { buffer.pointer + head * headCount }
        func values(of head: Int) -> UnsafeMutablePointer<Float> { keys(of: head) + keyCount }
    }

    /// The first `length` keys, times `scale`, and values of every sequence and head, at the ranks of `level`.
    func pack(
        _ operands: Attention.Operands, length: Int, level: AttentionLevel, heads: Int, scale: Float, batch: MicroBatch,
        on team: Team
    ) -> Pass {
        let (r, rv) = (level.scoreRank, level.valueRank)
        let rows = drrl_attention_packed_rows(length), stride = drrl_attention_packed_width(rv)
        let headCount = rows * (r + stride), count = batch.sequences * heads
        let buffer = memory.withLock { memory in
            if memory.count < count * headCount { memory = Buffer(uninitialized: count * headCount) }
            return memory
        }
        let pass = Pass(buffer: buffer, keyCount: rows * r, headCount: headCount, valueStride: stride)
        // Whole panels, in pieces that threads can share.
        let piece = 1024, pieces = (length + piece - 1) / piece
        team.tasks(count * pieces) { task, _ in
            let head = task / pieces, first = task % pieces * piece, row = head / heads * batch.length + first
            let (keys, values) = (operands.keys, operands.values)
            drrl_attention_pack(
                pass.keys(of: head) + first * r, pass.values(of: head) + first * stride,
                keys.pointer(row: row, head: head % heads, rank: r), keys.rowStride,
                values.pointer(row: row, head: head % heads, rank: rv), values.rowStride,
                min(piece, length - first), r, rv, scale)
        }
        return pass
    }
}
