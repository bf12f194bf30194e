import CKernels
import Kernels

/// A linear map of a model, y = x W + b, with the gradients of its parameters: products of activations and weights go
/// through here, and what adapters add to them.
///
/// W: [in, out], x: [M, in], y: [M, out]. A family that stores its weights [out, in] gives their transpose. In what follows
/// x W stands for the product with all that adapters add; `dropping` says what a step drops of their inputs.
///
///     map.forward(x, into: y, on: team)              // x: [M, in], y: [M, out]
///     map.backward(dy: dy, x: x, dx: dx, on: team)   // adds to weightGradient and biasGradient
public struct Linear: Sendable {
    /// W, [in, out], row-major.
    public let weight: Matrix
    /// [out]; nil for a map without.
    public let bias: Buffer<Float>?
    /// dW, [in, out].
    public let weightGradient: Matrix
    /// db, [out]; nil without a bias.
    public let biasGradient: Buffer<Float>?
    /// What its products count as.
    let kind: FlopKind
    /// In which they are made.
    let precision: Precision
    /// Whether `backward` adds to the gradients; where it does not, they are nobody's to write.
    let learns: Bool
    /// What adds to it.
    private(set) var adapters: [any LinearAdapter] = []

    /// - Parameters:
    ///   - weight: [in, out].
    ///   - bias: [out], or nil.
    ///   - weightGradient: Of the weight's shape.
    ///   - biasGradient: [out] where there is a bias.
    ///   - learns: whether anyone reads the gradients.
    public init(
        weight: Matrix, bias: Buffer<Float>?, weightGradient: Matrix, biasGradient: Buffer<Float>?, kind: FlopKind,
        precision: Precision = .float32, learns: Bool = true
    ) {
        precondition(
            bias.map { $0.count == weight.columns } ?? true && biasGradient?.count == bias?.count,
            "a bias of \(bias?.count ?? 0) for \(weight.columns) outputs")
        precondition(
            weightGradient.rows == weight.rows && weightGradient.columns == weight.columns,
            "a gradient of \(weightGradient.rows)×\(weightGradient.columns) for \(weight.rows)×\(weight.columns)")
        self.weight = weight
        self.bias = bias
        self.weightGradient = weightGradient
        self.biasGradient = biasGradient
        self.kind = kind
        self.precision = precision
        self.learns = learns
    }

    /// The map to some of its outputs, whose products are made in float32 and count as `kind`: for statistics.
    public func outputs(_ range: Range<Int>, as kind: FlopKind) -> Linear {
        Linear(
            weight: weight.columns(range), bias: bias?[range], weightGradient: weightGradient.columns(range),
            biasGradient: biasGradient?[range], kind: kind, learns: learns
        ).adapted(by: adapters.compactMap { $0.restricted(toOutputs: range) })
    }

    /// The map to some of its outputs.
    func outputs(_ range: Range<Int>) -> Linear {
        Linear(
            weight: weight.columns(range), bias: bias?[range], weightGradient: weightGradient.columns(range),
            biasGradient: biasGradient?[range], kind: kind, precision: precision, learns: learns
        ).adapted(by: adapters.compactMap { $0.restricted(toOutputs: range) })
    }

    /// The map of some of its inputs, without the bias: such parts of all inputs add up to the whole.
    public func inputs(_ range: Range<Int>) -> Linear {
        Linear(
            weight: weight.rows(range), bias: nil, weightGradient: weightGradient.rows(range), biasGradient: nil,
            kind: kind, precision: precision, learns: learns
        ).adapted(by: adapters.map { $0.restricted(toInputs: range) })
    }

    /// The same with adapters, which learn in its place.
    func adapted(by adapters: [any LinearAdapter]) -> Linear {
        precondition(adapters.isEmpty || !learns, "a map that learns beside its adapters")
        var own = self
        own.adapters = adapters
        return own
    }

    /// The map without adapters whose weight holds what they add: in memory of its own, or itself where there are none.
    func merged(on team: Team) -> Linear {
        if adapters.isEmpty { return self }
        let own = weight.copied()
        for adapter in adapters { adapter.merge(into: own, on: team) }
        return Linear(
            weight: own, bias: bias, weightGradient: own, biasGradient: bias, kind: kind, precision: precision, learns: false)
    }

    /// What `addGradients` takes: itself where it learns, else the same with gradients of its own, which are zero.
    var collectingGradients: Linear {
        if learns { return self }
        let gradient = Matrix(
            Buffer(count: weight.rows * weight.columns, repeating: 0), rows: weight.rows, columns: weight.columns)
        return Linear(
            weight: weight, bias: bias, weightGradient: gradient,
            biasGradient: bias.map { Buffer(count: $0.count, repeating: 0) }, kind: kind, precision: precision)
    }

    /// Gives the adapters the gradients of the merged weight that `collectingGradients` has summed.
    func addGradients(of collected: Linear, on team: Team) {
        for adapter in adapters { adapter.addGradients(ofMerged: collected.weightGradient, on: team) }
    }

    /// y = x W + b.
    public func forward(_ x: Matrix, into y: Matrix, on team: Team) { forward(x, into: y, dropping: nil, on: team) }

    func forward(_ x: Matrix, into y: Matrix, dropping: AdapterDropout?, on team: Team) {
        if let bias { broadcast(bias, into: y, on: team) }
        product(x, into: y, adding: bias != nil, dropping: dropping, on: team)
    }

    /// y = x W, or y += x W, for callers that add the bias with what they do next.
    public func product(_ x: Matrix, into y: Matrix, adding: Bool = false, on team: Team) {
        product(x, into: y, adding: adding, dropping: nil, on: team)
    }

    func product(_ x: Matrix, into y: Matrix, adding: Bool = false, dropping: AdapterDropout?, on team: Team) {
        team.gemm(x, weight, into: y, beta: adding ? 1 : 0, kind, in: precision)
        for adapter in adapters { adapter.forward(x, into: y, kind, dropping: dropping, on: team) }
    }

    /// FLOPs of `forward` on `rows` rows.
    public func flops(rows: Int) -> Int {
        2 * rows * weight.rows * weight.columns + adapters.reduce(0) { $0 + $1.flops(rows: rows) }
    }

    /// dx = dy Wᵀ, or dx += dy Wᵀ.
    public func inputGradient(_ dy: Matrix, into dx: Matrix, adding: Bool = false, on team: Team) {
        inputGradient(dy, into: dx, adding: adding, dropping: nil, on: team)
    }

    func inputGradient(_ dy: Matrix, into dx: Matrix, adding: Bool = false, dropping: AdapterDropout?, on team: Team) {
        multiplyBack(dy, into: dx, adding: adding, on: team)
        for adapter in adapters { adapter.backward(dy: dy, x: nil, dx: dx, kind, dropping: dropping, on: team) }
    }

    private func multiplyBack(_ dy: Matrix, into dx: Matrix, adding: Bool = false, on team: Team) {
        team.gemm(dy, weight.transposed, into: dx, beta: adding ? 1 : 0, kind, in: precision)
    }

    /// dW += xᵀ dy and db += Σ rows of dy where the map learns, or the adapters' gradients, and dx = dy Wᵀ where it is wanted.
    public func backward(dy: Matrix, x: Matrix, dx: Matrix?, on team: Team) {
        backward(dy: dy, x: x, dx: dx, dropping: nil, on: team)
    }

    func backward(dy: Matrix, x: Matrix, dx: Matrix?, dropping: AdapterDropout?, on team: Team) {
        if learns { team.gemm(x.transposed, dy, into: weightGradient, beta: 1, kind, in: precision) }
        addBiasGradient(dy, on: team)
        if let dx { multiplyBack(dy, into: dx, on: team) }
        for adapter in adapters { adapter.backward(dy: dy, x: x, dx: dx, kind, dropping: dropping, on: team) }
    }

    /// db += Σ rows of dy, where there is a bias that learns.
    public func addBiasGradient(_ dy: Matrix, on team: Team) {
        guard learns, let biasGradient else { return }
        team.split(dy.columns, grain: 64) { c in
            drrl_column_sum(
                biasGradient.pointer + c.lowerBound, dy.pointer + c.lowerBound, dy.rows, c.count, dy.stride)
        }
    }
}

/// Every row of y = bias.
private func broadcast(_ bias: Buffer<Float>, into y: Matrix, on team: Team) {
    team.split(y.rows, of: y.columns) { rows in
        for row in rows { (y.pointer + row * y.stride).update(from: bias.pointer, count: y.columns) }
    }
}

/// out = residual + y + bias, or without a bias; all [M, D].
public func residualForward(
    _ y: Buffer<Float>, bias: Buffer<Float>?, residual: Buffer<Float>, into out: Buffer<Float>, width: Int, rows: Int,
    on team: Team
) {
    precondition(bias == nil || bias?.count == width)
    precondition(y.count >= rows * width && residual.count >= rows * width && out.count >= rows * width)
    team.split(rows, of: width) { r in
        let first = r.lowerBound * width
        drrl_residual_forward(
            out.pointer + first, residual.pointer + first, y.pointer + first, bias?.pointer, r.count, width)
    }
}

/// y += bias in every row; y: [M, D].
func addBias(_ bias: Buffer<Float>, to y: Buffer<Float>, rows: Int, on team: Team) {
    let width = bias.count
    precondition(y.count >= rows * width)
    team.split(rows, of: width) { r in
        drrl_add_row(y.pointer + r.lowerBound * width, bias.pointer, r.count, width)
    }
}
