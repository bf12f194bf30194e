import CKernels
import Foundation
import Kernels

/// The turn of every position of a context, and how rows are turned by it. The same for all layers.
public struct RotaryTable: Sendable {
    /// d, the columns of a head.
    public let headWidth: Int
    /// L, the positions there are turns for.
    public let context: Int
    /// [L, d / 2]: of each position and pair of columns.
    public let cosines: Buffer<Float>
    /// [positions, d/2] sines of the angles.
    public let sines: Buffer<Float>

    /// - Parameters:
    ///   - headWidth: d, even.
    ///   - context: L.
    public init(_ positions: RotaryPositions, headWidth: Int, context: Int) {
        let frequencies = positions.frequencies(headWidth: headWidth), half = headWidth / 2
        let cosines = Buffer<Float>(uninitialized: context * half), sines = Buffer<Float>(uninitialized: context * half)
        for position in 0..<context {
            for pair in 0..<half {
                // The angle in float32, as transformers has it, and what follows from it exactly.
                let angle = Float(position) * frequencies[pair]
                cosines[position * half + pair] = cos(angle)
                sines[position * half + pair] = sin(angle)
            }
        }
        self.headWidth = headWidth
        self.context = context
        self.cosines = cosines
        self.sines = sines
    }

    /// Turns the first `heads` · d columns of each row by the row's position in its sequence.
    ///
    /// - Parameters:
    ///   - x: [B L, rowStride], or a slice of such rows that begins at the first column to turn.
    ///   - heads: Heads side by side, d columns each.
    ///   - rowStride: Elements from a row to the next.
    ///   - batch: Says how the rows are sequences, at most `context` long.
    ///   - inverse: Turns back, which is also the way of the gradients.
    public func rotate(
        _ x: Buffer<Float>, heads: Int, rowStride: Int, batch: MicroBatch, inverse: Bool = false, on team: Team
    ) {
        let width = heads * headWidth, half = headWidth / 2, length = batch.length
        precondition(length <= context, "\(length) positions, and turns for \(context)")
        precondition(width <= rowStride && (batch.rows == 0 || x.count >= (batch.rows - 1) * rowStride + width))
        team.split(batch.rows, of: width) { rows in
            var first = rows.lowerBound
            while first < rows.upperBound {
                let position = first % length, count = min(length - position, rows.upperBound - first)
                drrl_rotate(
                    x.pointer + first * rowStride, rowStride, count, heads, half, cosines.pointer + position * half,
                    sines.pointer + position * half, half, inverse ? -1 : 1)
                first += count
            }
        }
    }

    /// Turns rows at positions `first`, `first` + `step`, …: with step 0 all are at one position.
    ///
    /// - Parameters:
    ///   - x: [rows, rowStride], or a slice of such rows that begins at the first column to turn.
    ///   - first: The last row's position is below `context` too.
    public func rotate(_ x: Buffer<Float>, heads: Int, rowStride: Int, rows: Int, from first: Int, step: Int) {
        let width = heads * headWidth, half = headWidth / 2
        precondition(
            rows == 0 || (first >= 0 && step >= 0 && first + (rows - 1) * step < context),
            "\(rows) positions from \(first), and turns for \(context)")
        precondition(width <= rowStride && (rows == 0 || x.count >= (rows - 1) * rowStride + width))
        drrl_rotate(
            x.pointer, rowStride, rows, heads, half, cosines.pointer + first * half, sines.pointer + first * half,
            step * half, 1)
    }
}
