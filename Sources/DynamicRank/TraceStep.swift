/// Means of one training step over the sequences of its batch; NaN where nothing was measured.
public struct TraceStep: Sendable {
    /// Number of the step, from 1.
    public let step: Int
    /// [N, S, 2] score rank and value rank; d:d where attention was full.
    public let ranks: [Float]
    /// [N, S] Eq. 12.
    public let rewards: [Float]
    /// [N, S] ‖A − A_r‖_F / ‖A‖_F of the heads together, by the spectra in use.
    public let perturbations: [Float]
    /// [N, S] floating-point operations of a sequence's forward pass: projections, scores and values.
    public let flops: [Double]
    /// [N, S] ln of the probability with which the level was drawn.
    public let logProbabilities: [Float]
    /// The guard's ε_t.
    public let epsilon: Float

    /// From sums over all ranks; `epsilon` is nil without a guard.
    public init(step: Int, sums: TraceSums, headWidth d: Int, epsilon: Double?) {
        let cells = (0..<sums.layers).flatMap { layer in (0..<sums.segments).map { (layer, $0) } }
        func means(_ field: TraceSums.Field, over count: TraceSums.Field = .levels) -> [Double] {
            cells.map { layer, segment in
                // Not 0 / 0, whose sign bit depends on the processor.
                let count = sums[layer, segment, count]
                return count == 0 ? .nan : sums[layer, segment, field] / count
            }
        }
        self.step = step
        ranks = zip(means(.scoreRank), means(.valueRank)).flatMap { [$0.0, $0.1] }.map {
            $0.isNaN ? Float(d) : Float($0)
        }
        rewards = means(.reward, over: .rewards).map { Float($0) }
        perturbations = means(.perturbation).map { Float($0) }
        flops = means(.flops)
        logProbabilities = means(.logProbability, over: .logProbabilities).map { Float($0) }
        self.epsilon = epsilon.map { Float($0) } ?? .nan
    }
}
