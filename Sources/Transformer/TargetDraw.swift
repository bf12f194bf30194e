import Kernels

/// The uniforms by which targets are drawn from a model's softmax: a pure function of (seed, pass, sample, position), so that
/// neither the grid nor the other sequences of a batch matter.
public struct TargetDraw: Sendable {
    private let generator: Philox

    /// - Parameter pass: the number of the pass, which draws anew.
    public init(seed: UInt64, pass: UInt64) {
        generator = Philox(key: seed).derived(number: pass, purpose: RandomPurpose.targets)
    }

    /// In [0, 1).
    public func uniform(sample: UInt64, position: Int) -> Double {
        generator.uniform(UInt32(position), 0, sample.low, sample.high)
    }

    /// One for each row: [M].
    func uniforms(_ batch: MicroBatch) -> Buffer<Double> {
        let uniforms = Buffer<Double>(uninitialized: batch.rows)
        for row in 0..<batch.rows {
            uniforms[row] = uniform(sample: batch.samples[row / batch.length], position: row % batch.length)
        }
        return uniforms
    }
}
