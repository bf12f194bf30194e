import Kernels

/// A stage's parameters, gradients and Adam moments: four arrays of one layout.
public struct ParameterArena: Sendable {
    /// Where each parameter lies.
    public let layout: ParameterLayout
    /// All of them, one after the other, as `layout` says.
    public let values: Buffer<Float>
    /// Zero at a step's start; what backward passes add up.
    public let gradients: Buffer<Float>
    /// First moment, Adam's m.
    public let firstMoment: Buffer<Float>
    /// Second moment, Adam's v.
    public let secondMoment: Buffer<Float>

    /// Everything zero; weights come from `initialize` or a checkpoint.
    ///
    /// - Parameter forTraining: whether there are gradients and moments; else these arrays are empty.
    public init(_ layout: ParameterLayout, forTraining: Bool = true) {
        let count = forTraining ? layout.count : 0
        self.layout = layout
        values = Buffer(count: layout.count, repeating: 0)
        gradients = Buffer(count: count, repeating: 0)
        firstMoment = Buffer(count: count, repeating: 0)
        secondMoment = Buffer(count: count, repeating: 0)
    }

    /// Gives every parameter its start. Each has a stream of random numbers of its own, by its name, so stages agree whatever
    /// the split.
    public func initialize(seed: UInt64) {
        let generator = Philox(key: seed)
        for parameter in layout.parameters {
            let values = values[parameter.range]
            let own = generator.derived(number: Self.fnv1a(parameter.name), purpose: RandomPurpose.weights)
            switch parameter.spec.start {
            case .constant(let value): values.fill(value)
            case .normal(let deviation): own.fillNormal(values, deviation: deviation)
            case .uniform(let bound): own.fillUniform(values, bound: bound)
            }
        }
    }

    /// FNV-1a, 64 bit: a name's number, the same everywhere.
    static func fnv1a(_ name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
