import Kernels

/// A stage's parameters, gradients and Adam moments: four arrays of one layout.
public struct ParameterArena: Sendable {
    public let layout: ParameterLayout
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
            switch parameter.spec.start {
            case .constant(let value): values.fill(value)
            case .normal(let deviation):
                generator.derived(number: Self.fnv1a(parameter.name), purpose: RandomPurpose.weights)
                    .fillNormal(values, deviation: deviation)
            }
        }
    }

    /// FNV-1a, 64 bit: a name's number, the same everywhere.
    static func fnv1a(_ name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// The last word of a counter says what a random number is for, so that no two uses share one.
public enum RandomPurpose {
    public static let weights: UInt32 = 1
    public static let dropout: UInt32 = 2
    public static let levels: UInt32 = 4
    /// Rows at which rewards are measured.
    public static let rewardRows: UInt32 = 5
    /// Directions of Performer features.
    public static let features: UInt32 = 8
    /// Targets that the model draws from its own softmax.
    public static let targets: UInt32 = 9
    /// Rows at which the loss of levels is estimated.
    public static let estimatedRows: UInt32 = 10
    /// The order in which forecasts of losses learn from rows.
    public static let forecastOrder: UInt32 = 11
}
