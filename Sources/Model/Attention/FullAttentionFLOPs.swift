extension ModelConfiguration {
    /// What full attention executes on `sequences` sequences of `length`, forward and backward, in all layers:
    /// projections, and scores and values in the kernels' blocks.
    public func fullAttentionFLOPs(sequences: Int, length: Int) -> Double {
        let (projections, product) = fullAttentionParts(length: length)
        // Scores and values are a product each forward, and 3 and 2 backward; blocks of keys have as many scores as
        // blocks of rows.
        return Double(layers * sequences) * (3 * projections + 7 * product)
    }

    /// The forward pass's part of `fullAttentionFLOPs`.
    public func fullAttentionForwardFLOPs(sequences: Int, length: Int) -> Double {
        let (projections, product) = fullAttentionParts(length: length)
        return Double(layers * sequences) * (projections + 2 * product)
    }

    /// The projections' part of `fullAttentionForwardFLOPs`, which no level changes.
    public func fullProjectionFLOPs(sequences: Int, length: Int) -> Double {
        Double(layers * sequences) * fullAttentionParts(length: length).projections
    }

    /// One sequence and layer: all projections forward, and one product of the blocks of scores with head width d.
    private func fullAttentionParts(length: Int) -> (projections: Double, product: Double) {
        let own = layer.attention
        return (
            Double(2 * width * (own.columns + own.width) * length),
            Double(2 * Attention.scores(of: 0..<length) * own.width))
    }
}
