import Kernels

/// One parameter and its place in the arena.
public struct Parameter: Equatable, Sendable {
    public let spec: ParameterSpec
    /// Its elements within the arena.
    public let range: Range<Int>

    /// Hugging Face's name for it, e.g. `transformer.h.0.attn.c_attn.weight`.
    public var name: String { spec.name }
    /// Rows and columns of a matrix, or the length of a vector.
    public var shape: [Int] { spec.shape }
    public var role: ParameterRole { spec.role }
    /// Nil outside the layers.
    public var layer: Int? { spec.layer }
}

/// Where every parameter of a stage lies: one list that parameters, gradients, moments, gradient exchange, optimizer and
/// checkpoint share.
public struct ParameterLayout: Equatable, Sendable {
    /// All parameters, in arena order.
    public let parameters: [Parameter]
    /// Length of the arena: every parameter starts at a multiple of 16 elements.
    public let count: Int
    private let byName: [String: Int]
    private let byRole: [Place: Int]

    /// A role, and the layer in which it is played.
    private struct Place: Hashable {
        let role: ParameterRole
        let layer: Int?
    }

    /// Those of the model that a stage holds. What embedding and head share lies first on the first stage, last on the last.
    public init(_ configuration: ModelConfiguration, _ placement: StagePlacement) {
        let held = configuration.parameters.filter { $0.isHeld(by: placement) }
        let isShared = { (spec: ParameterSpec) in !placement.isFirst && spec.place == .embeddingAndHead }
        self.init(held.filter { !isShared($0) } + held.filter(isShared))
    }

    /// The parameters of `specs`, in order.
    public init(_ specs: [ParameterSpec]) {
        var offset = 0
        var parameters: [Parameter] = []
        var byName: [String: Int] = [:], byRole: [Place: Int] = [:]
        for spec in specs {
            byName[spec.name] = parameters.count
            byRole[Place(role: spec.role, layer: spec.layer)] = parameters.count
            parameters.append(Parameter(spec: spec, range: offset..<(offset + spec.count)))
            offset += (spec.count + 15) / 16 * 16
        }
        self.parameters = parameters
        self.count = offset
        self.byName = byName
        self.byRole = byRole
    }

    /// The parameter of that name, or nil where this stage does not hold it.
    public subscript(name: String) -> Parameter? { byName[name].map { parameters[$0] } }

    /// The parameter that plays a role, in a layer or outside the layers; nil where this stage does not hold it.
    public subscript(role: ParameterRole, layer layer: Int? = nil) -> Parameter? {
        byRole[Place(role: role, layer: layer)].map { parameters[$0] }
    }

    private func held(_ name: String) -> Parameter {
        guard let parameter = self[name] else { preconditionFailure("no parameter \(name)") }
        return parameter
    }

    private func held(_ role: ParameterRole, _ layer: Int?) -> Parameter {
        guard let parameter = self[role, layer: layer] else {
            preconditionFailure("no \(role)\(layer.map { " in layer \($0)" } ?? "")")
        }
        return parameter
    }

    /// The parameter of that name, which must be there, in an arena of values, gradients or moments.
    public func vector(_ name: String, in arena: Buffer<Float>) -> Buffer<Float> { arena[held(name).range] }

    /// The same as a matrix.
    public func matrix(_ name: String, in arena: Buffer<Float>) -> Matrix { matrix(held(name), arena) }

    /// The parameter of that role, which must be there, in an arena of values, gradients or moments.
    public func vector(_ role: ParameterRole, layer: Int? = nil, in arena: Buffer<Float>) -> Buffer<Float> {
        arena[held(role, layer).range]
    }

    /// The same as a matrix.
    public func matrix(_ role: ParameterRole, layer: Int? = nil, in arena: Buffer<Float>) -> Matrix {
        matrix(held(role, layer), arena)
    }

    private func matrix(_ parameter: Parameter, _ arena: Buffer<Float>) -> Matrix {
        Matrix(arena[parameter.range], rows: parameter.shape[0], columns: parameter.shape[1])
    }

    /// The arena's elements that belong to a layer, padding included.
    public func range(ofLayer layer: Int) -> Range<Int> {
        let own = parameters.indices.filter { parameters[$0].layer == layer }
        guard let first = own.first, let last = own.last else { return 0..<0 }
        let end = last + 1 < parameters.count ? parameters[last + 1].range.lowerBound : count
        return parameters[first].range.lowerBound..<end
    }
}
