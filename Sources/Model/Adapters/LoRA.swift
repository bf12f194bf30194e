import Kernels

// M rows; n inputs, m of the map's outputs that are added to; r the rank.

/// A low-rank addition to some outputs of a linear map, s (drop(x) Aᵀ) Bᵀ (Hu et al. 2021). Its products are made in float32.
///
/// u = x Aᵀ is made again in the backward pass instead of kept:
/// dB = s dyᵀ u, du = s dy B, dA = duᵀ drop(x), dx += mask ∘ (du A).
struct LoRA: LinearAdapter {
    /// A, [r, n], and dA.
    let down, downGradient: Matrix
    /// B, [m, r], and dB.
    let up, upGradient: Matrix
    /// s.
    let scale: Float
    let outputs: Range<Int>
    /// The map's number in its layer, which names what is dropped.
    let number: Int
    /// The first of the map's inputs that it reads.
    var firstInput = 0

    private var rank: Int { down.rows }

    private func matrix(_ rows: Int, _ columns: Int) -> Matrix {
        Matrix(Buffer(uninitialized: rows * columns), rows: rows, columns: columns)
    }

    /// drop(x).
    private func dropped(_ x: Matrix, _ dropping: AdapterDropout?, on team: Team) -> Matrix {
        guard let dropping else { return x }
        let own = matrix(x.rows, x.columns)
        own.copy(from: x)
        dropping.apply(to: own, map: number, firstColumn: firstInput, on: team)
        return own
    }

    func forward(_ x: Matrix, into y: Matrix, _ kind: FlopKind, dropping: AdapterDropout?, on team: Team) {
        let u = matrix(x.rows, rank)
        team.gemm(dropped(x, dropping, on: team), down.transposed, into: u, kind)
        team.gemm(u, up.transposed, into: y.columns(outputs), alpha: scale, beta: 1, kind)
    }

    func backward(dy: Matrix, x: Matrix?, dx: Matrix?, _ kind: FlopKind, dropping: AdapterDropout?, on team: Team) {
        let dy = dy.columns(outputs), du = matrix(dy.rows, rank)
        team.gemm(dy, up, into: du, alpha: scale, kind)
        if let x {
            let read = dropped(x, dropping, on: team), u = matrix(x.rows, rank)
            team.gemm(read, down.transposed, into: u, kind)
            team.gemm(dy.transposed, u, into: upGradient, alpha: scale, beta: 1, kind)
            team.gemm(du.transposed, read, into: downGradient, beta: 1, kind)
        }
        guard let dx else { return }
        guard let dropping else { return team.gemm(du, down, into: dx, beta: 1, kind) }
        let own = matrix(dx.rows, dx.columns)
        team.gemm(du, down, into: own, kind)
        dropping.apply(to: own, map: number, firstColumn: firstInput, on: team)
        dx.add(own)
    }

    func flops(rows: Int) -> Int { 2 * rows * rank * (down.columns + up.rows) }

    func restricted(toOutputs range: Range<Int>) -> (any LinearAdapter)? {
        let common = outputs.clamped(to: range)
        guard !common.isEmpty else { return nil }
        let own = (common.lowerBound - outputs.lowerBound)..<(common.upperBound - outputs.lowerBound)
        return LoRA(
            down: down, downGradient: downGradient, up: up.rows(own), upGradient: upGradient.rows(own), scale: scale,
            outputs: (common.lowerBound - range.lowerBound)..<(common.upperBound - range.lowerBound), number: number,
            firstInput: firstInput)
    }

    func restricted(toInputs range: Range<Int>) -> any LinearAdapter {
        LoRA(
            down: down.columns(range), downGradient: downGradient.columns(range), up: up, upGradient: upGradient, scale: scale,
            outputs: outputs, number: number, firstInput: firstInput + range.lowerBound)
    }

    func merge(into weight: Matrix, on team: Team) {
        team.gemm(
            down.transposed, up.transposed, into: weight.columns(outputs), alpha: scale, beta: 1, .upkeep)
    }

    func addGradients(ofMerged weightGradient: Matrix, on team: Team) {
        let own = weightGradient.columns(outputs).transposed
        team.gemm(own, down.transposed, into: upGradient, alpha: scale, beta: 1, .upkeep)
        team.gemm(up.transposed, own, into: downGradient, alpha: scale, beta: 1, .upkeep)
    }
}

extension AdaptedMap {
    /// Adds s B A to a weight in memory.
    ///
    /// - Parameters:
    ///   - weight: W as the family stores it, of as many elements.
    ///   - down: A, [r, n].
    ///   - up: B, [m, r].
    public func merge(_ down: Buffer<Float>, _ up: Buffer<Float>, into weight: Buffer<Float>, on team: Team) {
        let a = Matrix(down, rows: rank, columns: inputs), b = Matrix(up, rows: outputs, columns: rank)
        let stored = Matrix(weight, rows: self.weight.shape[0], columns: self.weight.shape[1])
        LoRA(
            down: a, downGradient: a, up: b, upGradient: b, scale: scale, outputs: 0..<outputs, number: number
        ).merge(into: storage.map(stored), on: team)
    }
}
