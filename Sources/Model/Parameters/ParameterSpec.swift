/// What a parameter does in the model: by this, and by its layer, code finds it, whatever its family calls it.
///
/// Parameters that play one role in one layer stand one after the other and make one matrix or vector: queries, keys and
/// values that a family names apart are one map.
public enum ParameterRole: Hashable, Sendable {
    /// [V, D], also the head's matrix where the two are tied.
    case tokenEmbedding
    /// [L, D].
    case positionEmbedding
    /// [D] of the norm before the head.
    case finalNormGain, finalNormBias
    /// [V, D], where it is not the token embedding.
    case head
    /// [D] of the norms before attention and before the feed-forward.
    case norm1Gain, norm1Bias, norm2Gain, norm2Bias
    /// Queries, keys and values side by side, as the family stores them.
    case attention, attentionBias
    /// From the heads' outputs to the residual stream.
    case attentionProjection, attentionProjectionBias
    /// To the feed-forward's hidden layer: gates, where there are any, then elements.
    case feedForward, feedForwardBias
    /// From the hidden layer to the residual stream.
    case feedForwardProjection, feedForwardProjectionBias
    /// Found by its name alone.
    case named
}

/// Which part of a model a parameter belongs to, and so which stage holds it.
public enum ParameterPlace: Hashable, Sendable {
    /// Before the first layer: the first stage.
    case embedding
    /// A layer of the model.
    case layer(Int)
    /// After the last layer: the last stage.
    case head
    /// Before the first layer and after the last: both stages, whose gradients are summed.
    case embeddingAndHead
}

/// How a parameter starts.
public enum ParameterStart: Hashable, Sendable {
    case constant(Float)
    /// Independent normal deviates of mean 0.
    case normal(deviation: Float)
    /// Independent uniform deviates in [−bound, bound).
    case uniform(bound: Float)
}

/// One parameter as its family describes it.
public struct ParameterSpec: Equatable, Sendable {
    /// Hugging Face's name for it.
    public let name: String
    /// Rows and columns of a matrix, or the length of a vector.
    public let shape: [Int]
    /// What the parameter does.
    public let role: ParameterRole
    /// Which stage holds it.
    public let place: ParameterPlace
    /// What it is before training.
    public let start: ParameterStart

    /// A parameter of that name and shape.
    public init(
        _ name: String, _ shape: [Int], _ role: ParameterRole = .named, in place: ParameterPlace = .embedding,
        starts start: ParameterStart
    ) {
        self.name = name
        self.shape = shape
        self.role = role
        self.place = place
        self.start = start
    }

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }

    /// Whether AdamW's decay acts on it: on matrices, not on biases and gains.
    public var decays: Bool { shape.count > 1 }

    /// The layer that it belongs to; nil outside the layers.
    public var layer: Int? {
        if case .layer(let layer) = place { layer } else { nil }
    }

    /// Whether a stage of that placement holds it.
    func isHeld(by placement: StagePlacement) -> Bool {
        switch place {
        case .embedding: placement.isFirst
        case .layer(let layer): placement.layers.contains(layer)
        case .head: placement.isLast
        case .embeddingAndHead: placement.isFirst || placement.isLast
        }
    }
}
