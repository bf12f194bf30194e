import Model

// D width of the language model, K levels; C pooled pieces of a segment; F facts of a layer.

/// The shape of the policy network: a state of 64 + 32 + 32 = 128 numbers, two layers of Transformer, an MLP.
public struct PolicyShape: Codable, Equatable, Sendable {
    /// D, the width of what the language model's layers read.
    public var inputWidth: Int
    /// K, the number of actions.
    public var levels: Int

    public init(inputWidth: Int, levels: Int) {
        self.inputWidth = inputWidth
        self.levels = levels
    }

    /// Channels of the convolution, width of the facts' map and of the previous level's embedding.
    static let convolved = 64, stated = 32, embedded = 32
    /// Positions that the convolution sees at once.
    static let convolvedRows = 3
    static let encoder = EncoderShape(width: convolved + stated + embedded, heads: 4, layers: 2, feedForward: 256)
    static let hidden = 128
    static let encoderPrefix = "encoder."

    /// F: what `LayerFacts` holds, and the segment's place in the sequence.
    var factCount: Int { LayerFacts.count(levels: levels) + 1 }

    /// All parameters; weights are [in, out].
    public var parameters: [ParameterSpec] {
        func weight(_ name: String, _ shape: [Int]) -> ParameterSpec {
            ParameterSpec(name + ".weight", shape, starts: .normal(deviation: 0.02))
        }
        func bias(_ name: String, _ count: Int) -> ParameterSpec {
            ParameterSpec(name + ".bias", [count], starts: .constant(0))
        }
        return [
            weight("conv", [Self.convolvedRows * inputWidth, Self.convolved]), bias("conv", Self.convolved),
            weight("facts", [factCount, Self.stated]), bias("facts", Self.stated),
            // Row 0 stands for no previous level.
            weight("level", [levels + 1, Self.embedded]),
        ] + Self.encoder.parameters(prefix: Self.encoderPrefix) + [
            weight("hidden", [Self.encoder.width, Self.hidden]), bias("hidden", Self.hidden),
            weight("action", [Self.hidden, levels]), bias("action", levels),
        ]
    }
}
