import Kernels

/// Makes a stage's layers, final norm and head of the parameters in an arena.
struct BlockBuilder {
    private let shape: LayerShape
    private let layout: ParameterLayout
    private let values: Buffer<Float>
    /// The values themselves where nothing learns, so that there is no second array.
    private let gradients: Buffer<Float>
    private let learns: Bool
    /// [2, D] where norms of a backward pass put gradients that nobody reads; empty where somebody does.
    private let unread: Buffer<Float>
    private let team: Team
    private let softmax: Attention
    private let scratch: BlockScratch
    private let rotary: RotaryTable?
    private let kernel: (any KernelisedAttention)?
    private let adapters: StageAdapters?
    private let spread, spreadGradient: Buffer<Float>

    /// - Parameters:
    ///   - context: positions that are rotated, where positions rotate.
    ///   - rows: of the largest micro-batch.
    ///   - learns: whether the arena has gradients.
    ///   - kernel: in place of softmax where no level is named.
    ///   - adapters: what adds to the layers' maps, which do not learn then.
    init(
        _ shape: LayerShape, in arena: ParameterArena, context: Int, rows: Int, team: Team, forTraining: Bool,
        learns: Bool, kernel: (any KernelisedAttention)? = nil, adapters: StageAdapters? = nil
    ) {
        let own = shape.attention, copied = kernel != nil && own.group > 1 ? rows * 3 * own.width : 0
        self.shape = shape
        layout = arena.layout
        values = arena.values
        gradients = learns ? arena.gradients : arena.values
        self.learns = learns
        unread = Buffer(count: forTraining && !learns ? 2 * shape.width : 0, repeating: 0)
        self.team = team
        self.kernel = kernel
        self.adapters = adapters
        softmax = Attention(own, team: team)
        scratch = BlockScratch(shape, rows: rows, forTraining: forTraining)
        rotary = shape.rotation.map { RotaryTable($0, headWidth: own.headWidth, context: context) }
        spread = Buffer(uninitialized: copied)
        spreadGradient = Buffer(uninitialized: forTraining ? copied : 0)
    }

    /// Layer `layer` of the model.
    func block(_ layer: Int) -> Block {
        let maps = AttentionMaps(
            shape: shape.attention, input: map(.attention, .attentionBias, layer, .projections),
            output: map(.attentionProjection, .attentionProjectionBias, layer, .projections), rotary: rotary)
        let attention: any AttentionSublayer =
            if let kernel {
                KernelisedSublayer(maps: maps, kernel: kernel, spread: spread, spreadGradient: spreadGradient)
            } else {
                SoftmaxAttention(maps: maps, attention: softmax)
            }
        return Block(
            layer: layer, norm1: norm(.norm1Gain, .norm1Bias, layer), norm2: norm(.norm2Gain, .norm2Bias, layer),
            maps: maps, softmax: softmax, attention: attention,
            feedForward: FeedForward(
                input: map(.feedForward, .feedForwardBias, layer, .feedForward),
                output: map(.feedForwardProjection, .feedForwardProjectionBias, layer, .feedForward),
                activation: shape.activation),
            scratch: scratch, team: team)
    }

    /// The norm before the head.
    var finalNorm: Norm { norm(.finalNormGain, .finalNormBias, nil) }

    /// From the final norm's output to logits, [D, V]: by a matrix of its own, or by the token embedding.
    var head: Linear {
        let role: ParameterRole = layout.holds(.head) ? .head : .tokenEmbedding
        func matrix(_ values: Buffer<Float>) -> Matrix { layout.matrix(role, in: values).transposed }
        return Linear(
            weight: matrix(values), bias: nil, weightGradient: matrix(gradients), biasGradient: nil,
            kind: .head, precision: team.precision, learns: learns)
    }

    private func map(_ weight: ParameterRole, _ bias: ParameterRole, _ layer: Int, _ kind: FlopKind) -> Linear {
        let hasBias = layout.holds(bias, layer: layer)
        func matrix(_ values: Buffer<Float>) -> Matrix {
            shape.storage.map(layout.matrix(weight, layer: layer, in: values))
        }
        func vector(_ values: Buffer<Float>) -> Buffer<Float>? {
            hasBias ? layout.vector(bias, layer: layer, in: values) : nil
        }
        return Linear(
            weight: matrix(values), bias: vector(values), weightGradient: matrix(gradients),
            biasGradient: vector(gradients), kind: kind, precision: team.precision, learns: learns
        ).adapted(by: adapters?.adapters(weight, layer: layer, in: layout, shape.storage) ?? [])
    }

    private func norm(_ gain: ParameterRole, _ bias: ParameterRole, _ layer: Int?) -> Norm {
        let hasBias = layout.holds(bias, layer: layer)
        func vector(_ role: ParameterRole, _ values: Buffer<Float>) -> Buffer<Float> {
            layout.vector(role, layer: layer, in: values)
        }
        let half = unread.count / 2
        return Norm(
            kind: shape.norm, gain: vector(gain, values),
            gainGradient: learns ? vector(gain, gradients) : unread[0..<half],
            bias: hasBias ? vector(bias, values) : nil,
            biasGradient: !hasBias ? nil : learns ? vector(bias, gradients) : unread[half..<(2 * half)])
    }
}
