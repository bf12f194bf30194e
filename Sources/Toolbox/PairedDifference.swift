/// The difference between two strategies' log-perplexities on the same windows, in nats a token.
struct PairedDifference {
    let mean: Double
    /// Of the mean, windows taken as independent: of the ratio Σδ / Σn over windows, δ a window's difference and n its
    /// tokens (Cochran, Sampling Techniques, 1977, eq. 2.46, without its correction for finite populations). Nil for one window.
    let standardError: Double?

    /// Each window's nats under both, and its predicted tokens.
    init(_ a: [Double], _ b: [Double], tokens: [Int]) {
        let differences = zip(a, b).map { $0 - $1 }, windows = Double(differences.count)
        let total = Double(tokens.reduce(0, +)), mean = differences.reduce(0, +) / total
        self.mean = mean
        guard differences.count > 1 else {
            standardError = nil
            return
        }
        let squares = zip(differences, tokens).reduce(0) { sum, window in
            let residual = window.0 - mean * Double(window.1)
            return sum + residual * residual
        }
        standardError = (windows / (windows - 1) * squares).squareRoot() / total
    }
}
