import Kernels
import Model

// E episodes of S segments, M = E S rows; W width of the encoder (128), K levels; C pieces of a segment, D their width.

/// π(level | state): convolution, facts and previous level side by side, a causal Transformer over the segments so far,
/// an MLP. Its parameters, gradients and Adam moments lie in one arena, as the language model's do.
public final class PolicyNetwork: Sendable {
    public let shape: PolicyShape
    public let arena: ParameterArena
    private let parameters: PolicyParameters
    private let encoder: Encoder
    /// Its counter is the policy's own.
    private let team: Team

    /// Weights from `seed`, the same on every rank; `forward` takes up to `rows` rows at once. It runs on the threads of
    /// `team`, in float32.
    public init(_ shape: PolicyShape, rows: Int, seed: UInt64, team: Team) {
        self.shape = shape
        self.team = team.counting(on: FlopCounter())
        arena = ParameterArena(ParameterLayout(shape.parameters))
        arena.initialize(seed: seed)
        parameters = PolicyParameters(arena)
        encoder = Encoder(PolicyShape.encoder, in: arena, rows: rows, team: self.team)
    }

    /// Products executed since the last call.
    public func takeFLOPs() -> Int {
        defer { team.flops.reset() }
        return FlopKind.allCases.reduce(0) { $0 + team.flops[$1] }
    }

    // MARK: Forward

    /// What the network makes of a state before levels are known.
    public struct Embedding: Sendable {
        /// [M, W] convolution and facts side by side, and room for the previous level.
        let x: Buffer<Float>
        /// [M (C + 2), 64] the convolution before and after GELU.
        let convolved, activated: Buffer<Float>
    }

    /// What a forward pass leaves for the backward pass.
    public struct Trail: Sendable {
        let state: PolicyState
        let embedding: Embedding
        /// [M, W] the encoding.
        let encoded: Buffer<Float>
        let act: Act
        /// [M, K].
        public var logits: Buffer<Float> { act.logits }
    }

    /// The MLP's hidden layer before and after GELU, [M, 128], and the logits, [M, K].
    struct Act: Sendable {
        let hidden, activated, logits: Buffer<Float>

        init(rows: Int, levels: Int) {
            hidden = Buffer(uninitialized: rows * PolicyShape.hidden)
            activated = Buffer(uninitialized: rows * PolicyShape.hidden)
            logits = Buffer(uninitialized: rows * levels)
        }
    }

    /// The logits of whole episodes, whose levels are known; `embedding` is the state's, where the parameters are still those
    /// that it was made with.
    public func forward(_ state: PolicyState, embedding: Embedding? = nil) -> Trail {
        let M = state.episodes * state.segments, embedding = embedding ?? embed(state)
        for row in 0..<M { addPrevious(state.previous[row], to: embedding.x, row: row) }
        let encoded = Buffer<Float>(uninitialized: M * PolicyShape.encoder.width)
        encoded.copy(from: encoder.forward(embedding.x, sequences: state.episodes, length: state.segments))
        let act = Act(rows: M, levels: shape.levels)
        self.act(encoded, rows: M, into: act)
        return Trail(state: state, embedding: embedding, encoded: encoded, act: act)
    }

    /// Chooses level after level: `choose` sees segment s and the logits of all episodes there, [E, K], and returns each
    /// episode's level, which `state.previous` then holds for the next segment.
    @discardableResult
    public func unroll(
        _ state: PolicyState, choose: (_ segment: Int, _ logits: Buffer<Float>) -> [Int]
    ) -> Embedding {
        let E = state.episodes, S = state.segments, W = PolicyShape.encoder.width
        let embedding = embed(state), cache = EncoderCache(encoder, sequences: E, length: S)
        let now = Buffer<Float>(uninitialized: E * W), act = Act(rows: E, levels: shape.levels)
        for s in 0..<S {
            for e in 0..<E {
                now[(e * W)..<((e + 1) * W)].copy(from: embedding.x[((e * S + s) * W)..<((e * S + s + 1) * W)])
                addPrevious(state.previous[e * S + s], to: now, row: e)
            }
            self.act(cache.advance(now), rows: E, into: act)
            let levels = choose(s, act.logits)
            for e in 0..<E where s + 1 < S { state.previous[e * S + s + 1] = Int32(levels[e] + 1) }
        }
        return embedding
    }

    private func embed(_ state: PolicyState) -> Embedding {
        let M = state.episodes * state.segments, C = state.pieces, F = shape.factCount
        let (W, O, G) = (PolicyShape.encoder.width, PolicyShape.convolved, PolicyShape.stated)
        let rows = M * (C + 2)
        let convolved = Buffer<Float>(uninitialized: rows * O), activated = Buffer<Float>(uninitialized: rows * O)
        forEachTap(state) { input, tap, j in
            tap.product(input, into: Matrix(convolved, rows: rows, columns: O), adding: j > 0, on: team)
        }
        geluForward(convolved, bias: parameters.convBias, into: activated, rows: rows, on: team)
        let facts = Buffer<Float>(uninitialized: M * G)
        parameters.facts.forward(
            Matrix(state.facts, rows: M, columns: F), into: Matrix(facts, rows: M, columns: G), on: team)
        let x = Buffer<Float>(count: M * W, repeating: 0), all = Matrix(activated, rows: rows, columns: O)
        for row in 0..<M {
            meanRows(all.rows((row * (C + 2))..<(row * (C + 2) + C)), into: x[(row * W)..<(row * W + O)])
            x[(row * W + O)..<(row * W + O + G)].copy(from: facts[(row * G)..<((row + 1) * G)])
        }
        return Embedding(x: x, convolved: convolved, activated: activated)
    }

    /// Tap j of the convolution: the rows it reads for each output row, and its map [D, 64]. Outputs that reach over a
    /// segment's end are made and never used.
    private func forEachTap(_ state: PolicyState, _ body: (_ input: Matrix, _ tap: Linear, _ j: Int) -> Void) {
        let D = shape.inputWidth, rows = state.episodes * state.segments * (state.pieces + 2)
        let all = Matrix(state.pooled, rows: rows + 2, columns: D)
        for j in 0..<PolicyShape.convolvedRows {
            body(all.rows(j..<(rows + j)), parameters.conv.inputs((j * D)..<((j + 1) * D)), j)
        }
    }

    /// Where the previous level stands in a row of W numbers.
    private func previous(_ x: Buffer<Float>, row: Int) -> Matrix {
        Matrix(x, rows: x.count / PolicyShape.encoder.width, columns: PolicyShape.encoder.width)
            .rows(row..<(row + 1)).columns((PolicyShape.convolved + PolicyShape.stated)..<PolicyShape.encoder.width)
    }

    private func addPrevious(_ index: Int32, to x: Buffer<Float>, row: Int) {
        previous(x, row: row).copy(from: parameters.level.rows(Int(index)..<(Int(index) + 1)))
    }

    private func act(_ encoded: Buffer<Float>, rows: Int, into act: Act) {
        let W = PolicyShape.encoder.width, I = PolicyShape.hidden
        parameters.hidden.product(
            Matrix(encoded, rows: rows, columns: W), into: Matrix(act.hidden, rows: rows, columns: I), on: team)
        geluForward(act.hidden, bias: parameters.hiddenBias, into: act.activated, rows: rows, on: team)
        parameters.action.forward(
            Matrix(act.activated, rows: rows, columns: I), into: Matrix(act.logits, rows: rows, columns: shape.levels),
            on: team)
    }

    // MARK: Backward

    /// Adds the gradients given ∂L/∂logits, [M, K], of the last `forward`.
    public func backward(_ trail: Trail, dlogits: Buffer<Float>) {
        let state = trail.state, M = state.episodes * state.segments
        let (W, I) = (PolicyShape.encoder.width, PolicyShape.hidden)
        let dhidden = Buffer<Float>(uninitialized: M * I), dencoded = Buffer<Float>(uninitialized: M * W)
        parameters.action.backward(
            dy: Matrix(dlogits, rows: M, columns: shape.levels), x: Matrix(trail.act.activated, rows: M, columns: I),
            dx: Matrix(dhidden, rows: M, columns: I), on: team)
        geluBackward(h: trail.act.hidden, y: trail.act.activated, dy: dhidden, count: M * I, on: team)
        parameters.hidden.backward(
            dy: Matrix(dhidden, rows: M, columns: I), x: Matrix(trail.encoded, rows: M, columns: W),
            dx: Matrix(dencoded, rows: M, columns: W), on: team)
        unembed(trail, dx: encoder.backward(dencoded, sequences: state.episodes, length: state.segments))
    }

    private func unembed(_ trail: Trail, dx: Buffer<Float>) {
        let state = trail.state, M = state.episodes * state.segments, C = state.pieces
        let (W, O, G) = (PolicyShape.encoder.width, PolicyShape.convolved, PolicyShape.stated)
        let dfacts = Matrix(dx, rows: M, columns: W).columns(O..<(O + G))
        parameters.facts.backward(
            dy: dfacts, x: Matrix(state.facts, rows: M, columns: shape.factCount), dx: nil, on: team)
        let rows = M * (C + 2), dconvolved = Buffer<Float>(count: rows * O, repeating: 0), share = 1 / Float(C)
        for row in 0..<M {
            let level = Int(state.previous[row])
            parameters.levelGradient.rows(level..<(level + 1)).add(previous(dx, row: row))
            for c in 0..<C {
                let first = (row * (C + 2) + c) * O
                for i in 0..<O { dconvolved[first + i] = dx[row * W + i] * share }
            }
        }
        let made = trail.embedding
        geluBackward(h: made.convolved, y: made.activated, dy: dconvolved, count: rows * O, on: team)
        parameters.conv.addBiasGradient(Matrix(dconvolved, rows: rows, columns: O), on: team)
        forEachTap(state) { input, tap, _ in
            tap.backward(dy: Matrix(dconvolved, rows: rows, columns: O), x: input, dx: nil, on: team)
        }
    }
}
