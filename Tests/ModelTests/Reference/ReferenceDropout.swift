import Kernels
import Model

/// The layers' own, beside the reference's `Dropout`.
typealias DropoutSite = Dropout.Site

extension Reference {
    /// Dropout's masks from what is promised about them: a site's key is drawn from the step's, the step's from the seed,
    /// and an element is dropped where its word of block (column / 4, row, sample) lies below rate · 2³².
    struct Dropout {
        let rate: Float
        private let step: Philox

        init(rate: Float, seed: UInt64, step: UInt32) {
            self.rate = rate
            self.step = Philox(key: seed).derived(step, 0, 0, RandomPurpose.dropout)
        }

        /// What the element is multiplied with: 0 or 1 / (1 − rate).
        func factor(
            _ site: DropoutSite, layer: Int, head: Int = 0, sample: UInt64, row: Int, column: Int
        ) -> Double {
            let generator = step.derived(UInt32(layer), site.rawValue, UInt32(head), RandomPurpose.dropout)
            let words = generator.block(
                UInt32(column / 4), UInt32(row), UInt32(truncatingIfNeeded: sample), UInt32(sample >> 32))
            return Double(words[column % 4]) < Double(rate) * 0x1p32 ? 0 : 1 / (1 - Double(rate))
        }

        /// x ∘ mask for a [B × length, width] activation.
        func apply(
            to x: [Double], _ site: DropoutSite, layer: Int, length: Int, samples: [UInt64]
        ) -> [Double] {
            let width = x.count / (samples.count * length)
            return x.indices.map { i in
                let row = i / width
                return x[i] * factor(
                    site, layer: layer, sample: samples[row / length], row: row % length, column: i % width)
            }
        }
    }
}
