import Kernels
import Transformer

// E episodes of S segments, M = E S rows; W width of the encoder (128), K levels; C pieces of a segment, D their width.

/// π(level | state): convolution, facts and previous level side by side, a causal Transformer over the segments so far,
/// an MLP. Its parameters, gradients and Adam moments lie in one arena, as the language model's do.
public final class PolicyNetwork: Sendable {
    public let shape: PolicyShape
    public let arena: ParameterArena
    private let encoder: Encoder
    /// One thread: the matrices are small. Its counter is the policy's own.
    private let team: Team

    /// Weights from `seed`, the same on every rank; `forward` takes up to `rows` rows at once.
    public init(_ shape: PolicyShape, rows: Int, seed: UInt64) {
        self.shape = shape
        team = Team(threads: 1)
        arena = ParameterArena(ParameterLayout(shape.parameters))
        arena.initialize(seed: seed, layers: PolicyShape.encoder.layers)
        encoder = Encoder(
            PolicyShape.encoder, in: arena, prefix: PolicyShape.encoderPrefix, rows: rows, team: team)
    }

    /// Products executed since the last call.
    public func takeFLOPs() -> Int {
        defer { team.flops.reset() }
        return FlopKind.allCases.reduce(0) { $0 + team.flops[$1] }
    }

    private func part(_ name: String, of arena: Buffer<Float>) -> Buffer<Float> {
        guard let parameter = self.arena.layout[name] else { preconditionFailure("the policy has no \(name)") }
        return arena[parameter.range]
    }

    private func matrix(_ name: String, of arena: Buffer<Float>) -> Matrix {
        guard let parameter = self.arena.layout[name] else { preconditionFailure("the policy has no \(name)") }
        return Matrix(arena[parameter.range], rows: parameter.shape[0], columns: parameter.shape[1])
    }

    // MARK: Forward

    /// What a forward pass leaves for the backward pass.
    public struct Trail: Sendable {
        let state: PolicyState
        /// [M (C + 2), 64] the convolution before and after GELU.
        let convolved, activated: Buffer<Float>
        /// [M, W] the encoding.
        let encoded: Buffer<Float>
        /// [M, 128] the MLP's hidden layer before and after GELU.
        let hidden, hiddenActivated: Buffer<Float>
        /// [M, K].
        public let logits: Buffer<Float>
    }

    /// The logits of whole episodes, whose levels are known.
    public func forward(_ state: PolicyState) -> Trail {
        let M = state.episodes * state.segments
        let (x, convolved, activated) = embed(state)
        for row in 0..<M { addPrevious(state.previous[row], to: x, row: row) }
        let encoded = encoder.forward(x, sequences: state.episodes, length: state.segments)
        let own = Buffer<Float>(uninitialized: encoded.count)
        own.copy(from: encoded)
        let (hidden, hiddenActivated, logits) = act(own, rows: M)
        return Trail(
            state: state, convolved: convolved, activated: activated, encoded: own, hidden: hidden,
            hiddenActivated: hiddenActivated, logits: logits)
    }

    /// Chooses level after level: `choose` sees segment s and the logits of all episodes there, [E, K], and returns each
    /// episode's level, which `state.previous` then holds for the next segment.
    public func unroll(_ state: PolicyState, choose: (_ segment: Int, _ logits: Buffer<Float>) -> [Int]) {
        let E = state.episodes, S = state.segments, W = PolicyShape.encoder.width
        let (x, _, _) = embed(state)
        let cache = EncoderCache(encoder, sequences: E, length: S), now = Buffer<Float>(uninitialized: E * W)
        for s in 0..<S {
            for e in 0..<E {
                now[(e * W)..<((e + 1) * W)].copy(from: x[((e * S + s) * W)..<((e * S + s + 1) * W)])
                addPrevious(state.previous[e * S + s], to: now, row: e)
            }
            let levels = choose(s, act(cache.advance(now), rows: E).logits)
            for e in 0..<E where s + 1 < S { state.previous[e * S + s + 1] = Int32(levels[e] + 1) }
        }
    }

    /// [M, W]: convolution and facts in place, nothing yet for the previous level.
    private func embed(_ state: PolicyState) -> (x: Buffer<Float>, convolved: Buffer<Float>, activated: Buffer<Float>) {
        let M = state.episodes * state.segments, C = state.pieces, F = shape.factCount
        let (W, O, G) = (PolicyShape.encoder.width, PolicyShape.convolved, PolicyShape.stated)
        let rows = M * (C + 2)
        let convolved = Buffer<Float>(uninitialized: rows * O), activated = Buffer<Float>(uninitialized: rows * O)
        forEachTap(state, matrix("conv.weight", of: arena.values)) { input, weight, j in
            team.gemm(input, weight, into: Matrix(convolved, rows: rows, columns: O), beta: j == 0 ? 0 : 1)
        }
        geluForward(convolved, bias: part("conv.bias", of: arena.values), into: activated, rows: rows, on: team)
        let facts = Buffer<Float>(uninitialized: M * G)
        linearForward(
            Matrix(state.facts, rows: M, columns: F), weight: matrix("facts.weight", of: arena.values),
            bias: part("facts.bias", of: arena.values), into: facts, on: team)
        let x = Buffer<Float>(count: M * W, repeating: 0), all = Matrix(activated, rows: rows, columns: O)
        for row in 0..<M {
            meanRows(all.rows((row * (C + 2))..<(row * (C + 2) + C)), into: x[(row * W)..<(row * W + O)])
            x[(row * W + O)..<(row * W + O + G)].copy(from: facts[(row * G)..<((row + 1) * G)])
        }
        return (x, convolved, activated)
    }

    /// Tap j of the convolution: the rows it reads for each output row, and its weight [D, 64]. Outputs that reach over a
    /// segment's end are made and never used.
    private func forEachTap(_ state: PolicyState, _ weight: Matrix, _ body: (_ input: Matrix, _ weight: Matrix, _ j: Int) -> Void) {
        let D = shape.inputWidth, rows = state.episodes * state.segments * (state.pieces + 2)
        let all = Matrix(state.pooled, rows: rows + 2, columns: D)
        for j in 0..<PolicyShape.kernel {
            body(all.rows(j..<(rows + j)), weight.rows((j * D)..<((j + 1) * D)), j)
        }
    }

    private func previousRange(row: Int) -> Range<Int> {
        let end = (row + 1) * PolicyShape.encoder.width
        return (end - PolicyShape.embedded)..<end
    }

    private func addPrevious(_ index: Int32, to x: Buffer<Float>, row: Int) {
        let P = PolicyShape.embedded, table = part("level.weight", of: arena.values)
        x[previousRange(row: row)].copy(from: table[(Int(index) * P)..<((Int(index) + 1) * P)])
    }

    private func act(
        _ encoded: Buffer<Float>, rows: Int
    ) -> (hidden: Buffer<Float>, activated: Buffer<Float>, logits: Buffer<Float>) {
        let W = PolicyShape.encoder.width, I = PolicyShape.hidden
        let hidden = Buffer<Float>(uninitialized: rows * I), activated = Buffer<Float>(uninitialized: rows * I)
        let logits = Buffer<Float>(uninitialized: rows * shape.levels)
        team.gemm(
            Matrix(encoded, rows: rows, columns: W), matrix("hidden.weight", of: arena.values),
            into: Matrix(hidden, rows: rows, columns: I))
        geluForward(hidden, bias: part("hidden.bias", of: arena.values), into: activated, rows: rows, on: team)
        linearForward(
            Matrix(activated, rows: rows, columns: I), weight: matrix("action.weight", of: arena.values),
            bias: part("action.bias", of: arena.values), into: logits, on: team)
        return (hidden, activated, logits)
    }

    // MARK: Backward

    /// Adds the gradients given ∂L/∂logits, [M, K], of the last `forward`.
    public func backward(_ trail: Trail, dlogits: Buffer<Float>) {
        let state = trail.state, M = state.episodes * state.segments
        let (W, I) = (PolicyShape.encoder.width, PolicyShape.hidden)
        let values = arena.values, gradients = arena.gradients
        let dhidden = Buffer<Float>(uninitialized: M * I), dencoded = Buffer<Float>(uninitialized: M * W)
        linearBackward(
            dy: Matrix(dlogits, rows: M, columns: shape.levels),
            x: Matrix(trail.hiddenActivated, rows: M, columns: I), weight: matrix("action.weight", of: values),
            dweight: matrix("action.weight", of: gradients), dbias: part("action.bias", of: gradients),
            dx: Matrix(dhidden, rows: M, columns: I), on: team)
        geluBackward(h: trail.hidden, y: trail.hiddenActivated, dy: dhidden, count: M * I, on: team)
        linearBackward(
            dy: Matrix(dhidden, rows: M, columns: I), x: Matrix(trail.encoded, rows: M, columns: W),
            weight: matrix("hidden.weight", of: values), dweight: matrix("hidden.weight", of: gradients),
            dbias: part("hidden.bias", of: gradients), dx: Matrix(dencoded, rows: M, columns: W), on: team)
        unembed(trail, dx: encoder.backward(dencoded, sequences: state.episodes, length: state.segments))
    }

    private func unembed(_ trail: Trail, dx: Buffer<Float>) {
        let state = trail.state, M = state.episodes * state.segments, C = state.pieces
        let (W, O, G) = (PolicyShape.encoder.width, PolicyShape.convolved, PolicyShape.stated)
        let gradients = arena.gradients, table = part("level.weight", of: gradients)
        let all = Matrix(dx, rows: M, columns: W)
        linearWeightBackward(
            dy: all.columns(O..<(O + G)), x: Matrix(state.facts, rows: M, columns: shape.factCount),
            dweight: matrix("facts.weight", of: gradients), dbias: part("facts.bias", of: gradients))
        let rows = M * (C + 2), dconvolved = Buffer<Float>(count: rows * O, repeating: 0), share = 1 / Float(C)
        for row in 0..<M {
            let own = previousRange(row: row), P = own.count, level = Int(state.previous[row])
            for i in 0..<P { table[level * P + i] += dx[own.lowerBound + i] }
            for c in 0..<C {
                let first = (row * (C + 2) + c) * O
                for i in 0..<O { dconvolved[first + i] = dx[row * W + i] * share }
            }
        }
        geluBackward(h: trail.convolved, y: trail.activated, dy: dconvolved, count: rows * O, on: team)
        biasBackward(dy: Matrix(dconvolved, rows: rows, columns: O), dbias: part("conv.bias", of: gradients), on: team)
        forEachTap(state, matrix("conv.weight", of: gradients)) { input, gradient, _ in
            team.gemm(input.transposed, Matrix(dconvolved, rows: rows, columns: O), into: gradient, beta: 1)
        }
    }

    private func linearWeightBackward(dy: Matrix, x: Matrix, dweight: Matrix, dbias: Buffer<Float>) {
        team.gemm(x.transposed, dy, into: dweight, beta: 1)
        biasBackward(dy: dy, dbias: dbias, on: team)
    }
}
