import Kernels

/// One named parameter and its place in the arena.
public struct Parameter: Equatable, Sendable {
    /// Hugging Face's name for it, e.g. `transformer.h.0.attn.c_attn.weight`.
    public let name: String
    /// Rows and columns of a matrix ([in, out] for Conv1D), or the length of a vector.
    public let shape: [Int]
    /// Its elements within the arena.
    public let range: Range<Int>

    /// Matrices decay; biases and LayerNorm vectors do not.
    public var decays: Bool { shape.count > 1 }
}

/// Where every parameter of a stage lies: one list that parameters, gradients, moments, gradient exchange, optimizer and
/// checkpoint share.
public struct ParameterLayout: Equatable, Sendable {
    /// All parameters, in arena order.
    public let parameters: [Parameter]
    /// Length of the arena: every parameter starts at a multiple of 16 elements.
    public let count: Int
    private let index: [String: Int]

    /// The token embedding, which the first and the last stage share.
    public static let tokenEmbedding = "transformer.wte.weight"
    static let positionEmbedding = "transformer.wpe.weight"

    public init(_ configuration: ModelConfiguration, _ placement: StagePlacement) {
        let d = configuration.width
        var list: [(name: String, shape: [Int])] = []
        let tokens = (Self.tokenEmbedding, [configuration.vocabularySize, d])
        if placement.isFirst {
            list.append(tokens)
            list.append((Self.positionEmbedding, [configuration.context, d]))
        }
        for layer in placement.layers {
            for (name, shape) in Self.layerShapes(width: d, feedForward: 4 * d) {
                list.append((Self.prefix(ofLayer: layer) + name, shape))
            }
        }
        if placement.isLast {
            list.append(("transformer.ln_f.weight", [d]))
            list.append(("transformer.ln_f.bias", [d]))
            if !placement.isFirst { list.append(tokens) }
        }
        self.init(list)
    }

    /// The parameters of `list` in order, by name and shape.
    public init(_ list: [(name: String, shape: [Int])]) {
        var offset = 0
        var parameters: [Parameter] = []
        var index: [String: Int] = [:]
        for (name, shape) in list {
            let size = shape.reduce(1, *)
            index[name] = parameters.count
            parameters.append(Parameter(name: name, shape: shape, range: offset..<(offset + size)))
            offset += (size + 15) / 16 * 16
        }
        self.parameters = parameters
        self.count = offset
        self.index = index
    }

    /// What the names of a layer's parameters begin with.
    static func prefix(ofLayer layer: Int) -> String { "transformer.h.\(layer)." }

    static func layerShapes(width d: Int, feedForward F: Int) -> [(String, [Int])] {
        [
            ("ln_1.weight", [d]), ("ln_1.bias", [d]),
            ("attn.c_attn.weight", [d, 3 * d]), ("attn.c_attn.bias", [3 * d]),
            ("attn.c_proj.weight", [d, d]), ("attn.c_proj.bias", [d]),
            ("ln_2.weight", [d]), ("ln_2.bias", [d]),
            ("mlp.c_fc.weight", [d, F]), ("mlp.c_fc.bias", [F]),
            ("mlp.c_proj.weight", [F, d]), ("mlp.c_proj.bias", [d]),
        ]
    }

    /// The parameter of that name, or nil where this stage does not hold it.
    public subscript(name: String) -> Parameter? { index[name].map { parameters[$0] } }

    private func held(_ name: String) -> Parameter {
        guard let parameter = self[name] else { preconditionFailure("no parameter \(name)") }
        return parameter
    }

    /// The parameter of that name, which must be there, in an arena of values, gradients or moments.
    public func vector(_ name: String, in arena: Buffer<Float>) -> Buffer<Float> { arena[held(name).range] }

    /// The same as a matrix.
    public func matrix(_ name: String, in arena: Buffer<Float>) -> Matrix {
        let parameter = held(name)
        return Matrix(arena[parameter.range], rows: parameter.shape[0], columns: parameter.shape[1])
    }

    /// The arena's elements that belong to a layer, padding included.
    public func range(ofLayer layer: Int) -> Range<Int> {
        let prefix = Self.prefix(ofLayer: layer)
        let own = parameters.indices.filter { parameters[$0].name.hasPrefix(prefix) }
        guard let first = own.first, let last = own.last else { return 0..<0 }
        let end = last + 1 < parameters.count ? parameters[last + 1].range.lowerBound : count
        return parameters[first].range.lowerBound..<end
    }
}
