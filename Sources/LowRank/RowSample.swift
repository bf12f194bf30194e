import Kernels
import Model

/// Every so many positions of each sequence, other ones in each step: the rows of an activation that enter the Grams.
struct RowSample: Sendable {
    let every: Int
    let step: Int

    /// The first position of a sequence that is looked at.
    func first(_ batch: MicroBatch) -> Int { step % min(every, batch.length) }

    /// Those rows of x, [M, D], sequence after sequence.
    func rows(of x: Matrix, _ batch: MicroBatch) -> Matrix {
        let offset = first(batch), each = (batch.length - offset + every - 1) / every, rows = batch.sequences * each
        let sample = Matrix(Buffer(uninitialized: rows * x.columns), rows: rows, columns: x.columns)
        for sequence in 0..<batch.sequences {
            let own = (sequence * batch.length + offset)..<((sequence + 1) * batch.length)
            sample.rows((sequence * each)..<((sequence + 1) * each)).copy(from: x.rows(own).strided(by: every))
        }
        return sample
    }
}
