import LinearAlgebra

// Hq, Hk, Hv: Grams in the coordinates of the basis held. C: symmetric core there. W: orthogonal, found by iteration.

/// A basis looked at through newer Grams: what it still captures, what the best basis could capture at most, and its
/// improvement by orthogonal iteration. Energies are relative to the newer Grams' total.
struct HeldBasis {
    /// Symmetric; its eigenvalues are the energies of the best basis.
    private(set) var core: DenseMatrix
    /// What turns the coordinates of the core at first into those of the core now.
    private(set) var turn: DenseMatrix
    /// `tails[r]`: the energy that the first r columns leave out, exactly.
    private(set) var tails: [Double]
    let total: Double
    /// `best[r]`: the energy that the best basis leaves out, once `measure` has found it.
    private var best: [Double]?

    private init(core: DenseMatrix, tails: [Double]) {
        self.core = core
        self.turn = .identity(core.rows)
        self.tails = tails
        total = core.diagonal.reduce(0, +)
    }

    /// A value basis: ‖V − V P_r P_rᵀ‖_F² is the trace of the trailing block of Hv = Pᵀ Gv P.
    static func value(_ gram: DenseMatrix, vectors p: DenseMatrix) -> HeldBasis {
        let core = DenseMatrix.product(p, .product(gram, p), transposeA: true)
        return HeldBasis(core: core, tails: traces(core))
    }

    /// A score basis: ‖A − A_r‖_F² = tr(Hq₂₂ Hk₂₂), trailing blocks of Hq = Bqᵀ Gq Bq and Hk = Bkᵀ Gk Bk.
    ///
    /// `factor` is L of Hk = L Lᵀ, and the core is Lᵀ Hq L.
    static func score(
        _ gq: DenseMatrix, _ gk: DenseMatrix, query: DenseMatrix, key: DenseMatrix
    ) throws(LAPACKError) -> (held: HeldBasis, factor: DenseMatrix) {
        let hq = DenseMatrix.product(query, .product(gq, query), transposeA: true)
        let hk = DenseMatrix.product(key, .product(gk, key), transposeA: true)
        let factor = try LAPACK.cholesky(hk)
        let d = hq.rows
        var tails = Array(repeating: 0.0, count: d + 1)
        for r in (0..<d).reversed() {
            var added = hq[r, r] * hk[r, r]
            for j in (r + 1)..<d { added += 2 * hq[r, j] * hk[r, j] }
            tails[r] = tails[r + 1] + added
        }
        return (HeldBasis(core: scoreCore(query: hq, keyFactor: factor), tails: tails), factor)
    }

    /// One step of orthogonal iteration from the vectors held: W ← Q of C W = Q R, columns ordered by energy.
    mutating func iterate() throws(LAPACKError) {
        let (q, _) = try LAPACK.qr(core)
        turn = .product(turn, q)
        core = .product(q, .product(core, q), transposeA: true)
        let energies = core.diagonal
        if zip(energies, energies.dropFirst()).contains(where: { $0 < $1 }) {
            let order = energies.indices.sorted { (energies[$0], $1) > (energies[$1], $0) }
            turn = turn.columns(order)
            core = core.columns(order).transposed.columns(order)
        }
        tails = Self.traces(core)
    }

    /// Finds the energies of the best basis: the core's eigenvalues, which no turn changes.
    mutating func measure() throws(LAPACKError) {
        best = Spectrum(energies: try LAPACK.symmetricEigenvalues(core)).tails
    }

    /// The most energy, over the ranks given, that another basis could capture beyond this one: exact after `measure`,
    /// before it an upper bound.
    func missed(ranks: [Int]) -> Double {
        guard total > 0 else { return 0 }
        let traces = Self.traces(core)
        let missed = ranks.map { r in
            if let best { return tails[r] - best[r] }
            return max(tails[r] - traces[r], 0) + DriftBound.missedEnergy(core, rank: r)
        }
        return (missed.max() ?? 0) / total
    }

    /// The most, over the ranks given, by which the energy ratio of `spectrum` is off on the newer Grams.
    func ratioError(of spectrum: Spectrum, ranks: [Int]) -> Double {
        guard total > 0, spectrum.total > 0 else { return total > 0 || spectrum.total > 0 ? 1 : 0 }
        return ranks.map { abs(tails[$0] / total - spectrum.tail($0) / spectrum.total) }.max() ?? 0
    }

    /// Σ_{i≥r} of the diagonal, for r = 0 … d.
    private static func traces(_ c: DenseMatrix) -> [Double] {
        var sums = Array(repeating: 0.0, count: c.rows + 1)
        for i in (0..<c.rows).reversed() { sums[i] = sums[i + 1] + c[i, i] }
        return sums
    }
}
