// H query heads of width d, L the context, M rows of a micro-batch; m features, C rows a chunk, e = d + 1; S segments that
// others come after, of T tokens and n landmarks.

extension AttentionKind {
    /// Bytes that a stage of `layers` layers holds for it beside what full attention needs.
    ///
    /// - Parameter rows: M of the largest micro-batch.
    public func bytes(
        _ configuration: ModelConfiguration, layers: Int, rows: Int, threads: Int, forTraining: Bool
    ) -> Int {
        let shape = configuration.layer.attention, L = configuration.context
        let d = shape.headWidth, passes = forTraining ? 2 : 1
        let own =
            switch self {
            case .softmax: 0
            case .performer(let m, _):
                layers * shape.heads * m * d
                    + threads * PerformerAttention.Workspace.count(
                        features: m, headWidth: d, context: L, forTraining: forTraining)
            case .nystrom(let landmarks, let segment):
                threads
                    * NystromAttention.Workspace.count(
                        segments: (L - 1) / segment, segment: segment, landmarks: min(landmarks, segment), headWidth: d,
                        forTraining: forTraining)
            }
        // Copies of heads that are shared, and their gradients.
        let spread = self != .softmax && shape.group > 1 ? passes * rows * 3 * shape.width : 0
        return (own + spread) * MemoryLayout<Float>.stride
    }
}

extension PerformerAttention.Workspace {
    /// Floats of one.
    static func count(features m: Int, headWidth d: Int, context L: Int, forTraining: Bool) -> Int {
        let C = PerformerAttention.chunk, e = d + 1, passes = forTraining ? 2 : 1
        let tiles = passes * (2 * C * m + C * C + m * e) + (2 + passes) * C * e
        return tiles + (forTraining ? (L + C - 1) / C * m * e : 0) + L + 2 * C
    }
}

extension NystromAttention.Workspace {
    /// Floats of one; what is solved in float64 counts twice.
    static func count(segments S: Int, segment T: Int, landmarks n: Int, headWidth d: Int, forTraining: Bool) -> Int {
        let rows = NystromAttention.queryTile, passes = forTraining ? 2 : 1
        let tiles = passes * rows * NystromAttention.keyTile + rows * (d + 2)
        guard S > 0 else { return tiles }
        let summary = passes * (n * n + n * T) + (forTraining ? 5 : 3) * n * d + 2 * n + 2 * (2 * n * n + n * d)
        return tiles + S * n * (2 * passes * d + 1) + summary
    }
}
