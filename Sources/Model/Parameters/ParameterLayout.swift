import Kernels

/// One parameter and its place in the arena.
public struct Parameter: Equatable, Sendable {
    /// Name, shape and role.
    public let spec: ParameterSpec
    /// Its elements within the arena.
    public let range: Range<Int>

    /// Hugging Face's name for it.
    public var name: String { spec.name }
    /// Rows and columns of a matrix, or the length of a vector.
    public var shape: [Int] { spec.shape }
    /// What the parameter does.
    public var role: ParameterRole { spec.role }
    /// Nil outside the layers.
    public var layer: Int? { spec.layer }
}

/// Where every parameter of a stage lies: one list that parameters, gradients, moments, gradient exchange, optimizer and
/// checkpoint share.
public struct ParameterLayout: Equatable, Sendable {
    /// All parameters, in arena order.
    public let parameters: [Parameter]
    /// Length of the arena: every role's parameters start at a multiple of 16 elements.
    public let count: Int
    private let byName: [String: Int]
    private let byRole: [Place: ClosedRange<Int>]

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
        var end = 0
        var parameters: [Parameter] = []
        var byName: [String: Int] = [:], byRole: [Place: ClosedRange<Int>] = [:]
        for (i, spec) in specs.enumerated() {
            let place = Place(role: spec.role, layer: spec.layer), first = byRole[place]?.lowerBound
            let continues = spec.role != .named && first != nil && byRole[place]?.upperBound == i - 1
            precondition(spec.role == .named || first == nil || continues, "\(spec.name) stands apart from its role's others")
            let start = continues ? end : (end + 15) / 16 * 16
            byName[spec.name] = i
            byRole[place] = (continues ? first ?? i : i)...i
            end = start + spec.count
            parameters.append(Parameter(spec: spec, range: start..<end))
        }
        self.parameters = parameters
        self.count = (end + 15) / 16 * 16
        self.byName = byName
        self.byRole = byRole
    }

    /// The parameter of that name, or nil where this stage does not hold it.
    public subscript(name: String) -> Parameter? { byName[name].map { parameters[$0] } }

    /// The parameter that plays a role alone, in a layer or outside the layers; nil where this stage does not hold it.
    public subscript(role: ParameterRole, layer layer: Int? = nil) -> Parameter? {
        guard let own = byRole[Place(role: role, layer: layer)], own.count == 1 else { return nil }
        return parameters[own.lowerBound]
    }

    /// Whether this stage holds parameters of that role.
    public func holds(_ role: ParameterRole, layer: Int? = nil) -> Bool { byRole[Place(role: role, layer: layer)] != nil }

    private func held(_ name: String) -> Parameter {
        guard let parameter = self[name] else { preconditionFailure("no parameter \(name)") }
        return parameter
    }

    private func held(_ role: ParameterRole, _ layer: Int?) -> ArraySlice<Parameter> {
        guard let own = byRole[Place(role: role, layer: layer)] else {
            preconditionFailure("no \(role)\(layer.map { " in layer \($0)" } ?? "")")
        }
        return parameters[own]
    }

    /// The parameter of that name, which must be there, in an arena of values, gradients or moments.
    public func vector(_ name: String, in arena: Buffer<Float>) -> Buffer<Float> { arena[held(name).range] }

    /// The same as a matrix.
    public func matrix(_ name: String, in arena: Buffer<Float>) -> Matrix {
        let parameter = held(name)
        return Matrix(arena[parameter.range], rows: parameter.shape[0], columns: parameter.shape[1])
    }

    /// The parameters of that role, which must be there, one after the other, in an arena of values, gradients or moments.
    public func vector(_ role: ParameterRole, layer: Int? = nil, in arena: Buffer<Float>) -> Buffer<Float> {
        let own = held(role, layer), first = own.first?.range.lowerBound ?? 0
        return arena[first..<(own.last?.range.upperBound ?? first)]
    }

    /// The same as a matrix, rows upon rows.
    public func matrix(_ role: ParameterRole, layer: Int? = nil, in arena: Buffer<Float>) -> Matrix {
        let own = held(role, layer)
        return Matrix(
            vector(role, layer: layer, in: arena), rows: own.reduce(0) { $0 + $1.shape[0] },
            columns: own.first?.shape[1] ?? 0)
    }

    /// The arena's elements that belong to a layer, padding included.
    public func range(ofLayer layer: Int) -> Range<Int> {
        let own = parameters.indices.filter { parameters[$0].layer == layer }
        guard let first = own.first, let last = own.last else { return 0..<0 }
        let end = last + 1 < parameters.count ? parameters[last + 1].range.lowerBound : count
        return parameters[first].range.lowerBound..<end
    }
}
