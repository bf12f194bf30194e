// D width, H query heads on G key/value heads; r, rv score and value ranks, R, Rv the largest of them.

extension FoldedAttention {
    /// Bytes of a layer's folded weights and their gradients for these levels.
    public static func bytes(_ configuration: ModelConfiguration, levels: [AttentionLevel]) -> Int {
        let layer = configuration.layer, own = layer.attention
        let scores = Set(levels.map(\.scoreRank)), values = Set(levels.map(\.valueRank))
        let isFolded = layer.rotation == nil
        let queries = isFolded ? own.heads * scores.reduce(0, +) : 0
        let keys = isFolded ? own.keyValueHeads * (scores.max() ?? 0) : 0
        let others = queries + own.keyValueHeads * (values.max() ?? 0), outputs = own.heads * values.reduce(0, +)
        // Keys have a bias for their mean.
        let floats = layer.width * (others + keys + outputs) + (layer.hasInputBias ? others : 0) + keys
        return 2 * floats * MemoryLayout<Float>.stride
    }
}
