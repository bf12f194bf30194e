import Options

/// Which part of the model a stage holds: a contiguous run of layers, with the embedding before the first layer and
/// the final norm and head after the last.
public struct StagePlacement: Equatable, Sendable {
    /// Layers of the model held here.
    public let layers: Range<Int>
    /// Whether the embedding is held here.
    public let isFirst: Bool
    /// Whether the final norm and the head are held here.
    public let isLast: Bool

    /// The whole model on one stage.
    public static func whole(_ configuration: ModelConfiguration) -> StagePlacement {
        StagePlacement(layers: 0..<configuration.layers, isFirst: true, isLast: true)
    }

    /// Cuts the layers into `stages` contiguous runs, each of at least one layer, so that the costliest stage costs
    /// least. A layer's cost is its products per token; the head's is added to the last stage.
    ///
    /// - Throws: `ConfigurationError` when there are more stages than layers.
    public static func split(
        _ configuration: ModelConfiguration, stages: Int
    ) throws(ConfigurationError) -> [StagePlacement] {
        let n = configuration.layers
        guard stages >= 1, stages <= n else {
            throw ConfigurationError(
                "\(option: "layer-shards") \(stages) for \(n) layer\(n == 1 ? "" : "s"): each shard needs one; "
                    + "use 1\(n == 1 ? "" : " to \(n)")")
        }
        let layer = Double(configuration.layerProducts + configuration.layer.attention.width * configuration.context)
        let head = Double(configuration.vocabularySize * configuration.width)
        // All layers cost the same, so only the last stage's share is open: try each, and deal the rest evenly.
        var best: (cost: Double, last: Int) = (.infinity, 1)
        for last in 1...(n - stages + 1) {
            let others = n - last
            let largest = stages == 1 ? 0 : (others + stages - 2) / (stages - 1)
            guard stages > 1 || others == 0 else { continue }
            let cost = max(Double(last) * layer + head, Double(largest) * layer)
            if cost < best.cost { best = (cost, last) }
        }
        var first = 0
        return (0..<stages).map { stage in
            let isLast = stage == stages - 1
            let others = n - best.last
            let count = isLast ? best.last : others / (stages - 1) + (stage < others % (stages - 1) ? 1 : 0)
            defer { first += count }
            return StagePlacement(layers: first..<(first + count), isFirst: stage == 0, isLast: isLast)
        }
    }
}
