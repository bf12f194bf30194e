import Kernels
import Options

/// The families of models there are: a case here, and a file beside this one, for each.
public enum ModelFamily: Equatable, Sendable {
    case gpt2
    case llama(LlamaShape)

    /// What the family says of a model.
    var description: any FamilyDescription {
        switch self {
        case .gpt2: GPT2()
        case .llama(let shape): Llama(shape)
        }
    }
}

extension ModelFamily: Codable {
    private enum Name: String, Codable { case gpt2, llama }
    private enum CodingKeys: String, CodingKey { case name, shape }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        switch try values.decode(Name.self, forKey: .name) {
        case .gpt2: self = .gpt2
        case .llama: self = .llama(try values.decode(LlamaShape.self, forKey: .shape))
        }
    }

    public func encode(to encoder: any Swift.Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .gpt2: try values.encode(Name.gpt2, forKey: .name)
        case .llama(let shape):
            try values.encode(Name.llama, forKey: .name)
            try values.encode(shape, forKey: .shape)
        }
    }
}

/// What sets a family's models apart: everything else is sums and look-ups over this.
protocol FamilyDescription: Sendable {
    /// What people call the family.
    var name: String { get }
    var storedNames: StoredNames { get }
    /// Positions that its models can be given, whatever their context; nil where these are learnt.
    var mostPositions: Int? { get }
    /// - Throws: `ConfigurationError` naming what of a model cannot be.
    func check(_ model: ModelConfiguration) throws(ConfigurationError)
    /// The shape of every layer of a model.
    func layer(of model: ModelConfiguration) -> LayerShape
    /// All parameters of a model, in the arena's order: those of the embedding, of each layer and of the head. Those of
    /// one role stand one after the other.
    func parameters(of model: ModelConfiguration) -> [ParameterSpec]
}

/// The parts of a layer.
public struct LayerShape: Equatable, Sendable {
    /// D, width of the residual stream.
    public var width: Int
    /// The shape of its attention.
    public var attention: AttentionShape
    /// F, the feed-forward's hidden width.
    public var feedForwardWidth: Int
    /// What stands between the two maps of the feed-forward.
    public var activation: Activation
    /// How rows are normalised.
    public var norm: NormKind
    /// How positions turn queries and keys; nil where they are learnt.
    public var rotation: RotaryPositions?
    /// Whether the map to queries, keys and values has a bias.
    public var hasInputBias: Bool
    /// How the matrices of layers are stored.
    public var storage: WeightStorage
}

/// How a family stores its matrices.
public enum WeightStorage: Equatable, Sendable {
    /// A row for each input, as in Hugging Face's Conv1D.
    case inputsByOutputs
    /// A row for each output, as in PyTorch's Linear.
    case outputsByInputs

    /// A stored matrix as [in, out].
    func map(_ stored: Matrix) -> Matrix { self == .inputsByOutputs ? stored : stored.transposed }
}

/// How files of other programs name a family's parameters, beside the names that it gives them itself.
public struct StoredNames: Sendable {
    /// What names of the base model's files, saved without its head, lack.
    public let prefix: String
    /// How names of buffers end that some files hold among the weights: they are none.
    public let buffers: [String]
    /// The head's matrix, which some files hold beside the token embedding that it is.
    public let head: String
}

extension ModelConfiguration {
    /// How other programs' files name the parameters of this model.
    public var storedNames: StoredNames { family.description.storedNames }
}
