/// Median and quartiles.
struct Spread: Encodable {
    let median, lowerQuartile, upperQuartile: Double

    init(_ samples: [Double]) {
        let sorted = samples.sorted()
        func quantile(_ p: Double) -> Double {
            let place = p * Double(sorted.count - 1), below = Int(place)
            let above = min(below + 1, sorted.count - 1)
            return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
        }
        median = quantile(0.5)
        lowerQuartile = quantile(0.25)
        upperQuartile = quantile(0.75)
    }

    enum CodingKeys: String, CodingKey {
        case median
        case lowerQuartile = "lower_quartile"
        case upperQuartile = "upper_quartile"
    }
}

/// What was run, and how fast it went. Rates are those of all ranks together.
struct ThroughputReport: Encodable {
    let layers, width, heads, context, vocabulary, batch, parameters: Int
    let ranks, threads_per_rank, steps: Int
    /// "training step" or "forward pass".
    let work: String
    /// Of the linear maps' products.
    let precision: String
    let tokenizer, openblas_core: String
    /// The environment variable that overrules OpenBLAS's own choice of kernels, where it is set.
    let openblas_coretype: String?
    /// Negative log-likelihood of the last step, nats a token: ln V at first, since the tokens are random.
    let loss: Double
    let seconds, tokens_per_second: Spread
    /// By the model's FLOPs: nothing recomputed or masked counts.
    let gflops: Spread
    /// SGEMM on every thread of every rank at once, measured before and after each step.
    let sgemm_gflops: Spread
    /// Each step's rate over the mean of the two measurements around it.
    let sgemm_share: Spread
    /// The same per second of processor time: what other work on the machine takes does not count, but waiting in MPI
    /// does, so it is a lower bound with several ranks.
    let sgemm_share_by_cpu_time: Spread
    let exposed_comm_seconds: Spread
    /// Highest resident memory of each rank, in bytes.
    let peak_rss: [Int64]
}
