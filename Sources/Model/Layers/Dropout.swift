import CKernels
import Kernels

/// What a training step drops: a pure function of (seed, step, sample, layer, site, element).
public struct Dropout: Sendable {
    /// Where in the model elements are dropped.
    public enum Site: UInt32, Sendable {
        case embedding, attention, attentionProjection, feedForwardProjection
    }

    /// Probability of dropping an element.
    public let rate: Float
    /// Probability of dropping an element of an adapter's input.
    public let adapterRate: Float
    private let step: Philox
    /// Draws for adapters.
    let adapters: Philox
    private let isOfModel: Bool

    /// What step `step` of the run with `seed` drops, each element with probability `rate`.
    public init(rate: Float, seed: UInt64, step: Int) {
        self.init(rate: rate, adapterRate: 0, isOfModel: true, seed: seed, step: step)
    }

    /// The same of a model and its adapters; nil where neither drops.
    public init?(rate: Float, adapterRate: Float, seed: UInt64, step: Int) {
        guard rate > 0 || adapterRate > 0 else { return nil }
        self.init(rate: rate, adapterRate: adapterRate, isOfModel: rate > 0, seed: seed, step: step)
    }

    private init(rate: Float, adapterRate: Float, isOfModel: Bool, seed: UInt64, step: Int) {
        let key = Philox(key: seed)
        self.rate = rate
        self.adapterRate = adapterRate
        self.isOfModel = isOfModel
        self.step = key.derived(number: UInt64(step), purpose: RandomPurpose.dropout)
        adapters = key.derived(number: UInt64(step), purpose: RandomPurpose.adapterDropout)
    }

    /// What is dropped outside of adapters; nil where nothing is.
    var ofModel: Dropout? { isOfModel ? self : nil }

    /// The key of one layer's site; heads have keys of their own.
    func key(layer: Int, site: Site, head: Int = 0) -> UInt64 {
        step.derived(UInt32(layer), site.rawValue, UInt32(head), RandomPurpose.dropout).key
    }

    /// x ← mask ∘ x / (1 − rate) for a [B × length, D] activation; forward and backward alike.
    func apply(to x: Buffer<Float>, width: Int, batch: MicroBatch, layer: Int, site: Site, on team: Team) {
        let key = key(layer: layer, site: site)
        let rate = rate
        team.split(batch.rows) { rows in
            var row = rows.lowerBound
            while row < rows.upperBound {
                let sequence = row / batch.length
                let end = min(rows.upperBound, (sequence + 1) * batch.length)
                drrl_dropout(
                    x.pointer + row * width, width, end - row, width, key, batch.samples[sequence],
                    row - sequence * batch.length, 0, rate)
                row = end
            }
        }
    }
}
