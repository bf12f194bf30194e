/// The energies of a basis's columns in descending order: σ_k² of the scores, or λ_k of the values' Gram.
///
/// σ are the singular values of A = Q Kᵀ, before the division by √d, on the rows the basis was built on.
/// Equation numbers are those of Erden 2025 (arXiv 2512.15973).
public struct Spectrum: Sendable, Equatable {
    /// σ_1² ≥ σ_2² ≥ … ≥ σ_d² ≥ 0.
    public let energies: [Double]
    /// `tails[r]` = Σ_{k>r} energies, summed from the smallest up.
    let tails: [Double]

    /// Rounding may leave an energy a little below 0; it counts as 0.
    public init(energies: [Double]) {
        self.energies = energies.map { max($0, 0) }
        var tails = Array(repeating: 0.0, count: energies.count + 1)
        for k in energies.indices.reversed() { tails[k] = tails[k + 1] + self.energies[k] }
        self.tails = tails
    }

    /// d.
    public var count: Int { energies.count }

    /// ‖A‖_F², the energy of all columns.
    public var total: Double { tails[0] }

    /// Σ_{k>r} σ_k² = ‖A − A_r‖_F², the energy that rank r leaves out.
    public func tail(_ rank: Int) -> Double { tails[rank] }
}
