import Kernels
import LowRank
import Model
import Options

/// How much memory a rank's share of a run takes: its large arrays.
public struct MemoryEstimate: Sendable {
    /// Bytes of one rank.
    public let bytes: Double

    /// For the stage that `topology` gives this rank.
    ///
    /// - Parameters:
    ///   - tracedSteps: rows that the trace of levels, which rank 0 holds, will have at the end.
    ///   - adapter: what learns in place of the weights; nil for these.
    /// - Throws: `ConfigurationError` when there are more stages than layers.
    public init(
        _ configuration: ModelConfiguration, _ options: TrainingOptions, _ topology: Topology, ranks: RankOptions,
        threads: Int, tracedSteps: Int, adapter: PlacedAdapter? = nil
    ) throws(ConfigurationError) {
        let placement = try StagePlacement.split(configuration, stages: topology.stages)[topology.stage]
        let shape = configuration.layer
        let share = Topology.share(of: options.batch, part: topology.replica, of: topology.replicas).count
        let sequences = min(options.microBatch, share)
        let rows = Double(sequences) * Double(configuration.context)
        let inFlight = Double(
            PipelineSchedule.inFlight(
                stage: topology.stage, stages: topology.stages,
                microBatches: (share + sequences - 1) / max(sequences, 1)))
        let layers = Double(placement.layers.count)
        let weights = Double(ParameterLayout(configuration, placement).count)
        let learnt = adapter.map { Double(ParameterLayout($0.parameters(on: placement)).count) } ?? weights
        // Values, gradients, two moments, and sums over replicas.
        let arrays = topology.replicas > 1 || topology.stages > 1 ? 5.0 : 4.0
        let parameters = arrays * learnt + (adapter == nil ? 0 : weights)
        // What layers keep for each micro-batch in flight, and what they share.
        let kept = inFlight * rows * (layers * Double(shape.keptFloats) + Double(shape.width))
        let shared = rows * Double(shape.sharedFloats) + 24 * 1_048_576
        let tile = placement.isLast
            ? Head.tileBytes(rows: sequences * configuration.context, vocabularySize: configuration.vocabularySize) : 0
        bytes = 4 * (parameters + kept + shared) + Double(tile)
            + Self.attention(
                configuration, ranks, layers: placement.layers, sequences: sequences, threads: threads,
                tracedSteps: topology.rank == 0 ? tracedSteps : 0)
    }

    /// For a process that holds the whole model and reads `rows` tokens at once, without training.
    public init(reading configuration: ModelConfiguration, rows: Int) {
        let shape = configuration.layer
        let kept = Double(rows)
            * Double(shape.keptFloats + shape.sharedFloats + shape.width)
        bytes = 4 * (Double(configuration.parameterCount) + kept + 24 * 1_048_576)
            + Double(Head.tileBytes(rows: rows, vocabularySize: configuration.vocabularySize))
    }

    /// Bytes of Grams, bases, folded weights and trace, where levels are named, and of what the way of attending holds beside them.
    private static func attention(
        _ configuration: ModelConfiguration, _ ranks: RankOptions, layers: Range<Int>, sequences: Int, threads: Int,
        tracedSteps: Int
    ) -> Double {
        let share = RankShare(layers: layers.count, sequences: sequences, threads: threads)
        let own = ranks.mode.bytes(configuration, ranks, on: share)
        guard ranks.namesLevels else { return own }
        let resident = Double(ResidentBases(configuration, layers: 0..<0).byteCount / configuration.layers)
        let segments = Double(ranks.segments(of: configuration.context))
        let folded = layers.reduce(0) {
            $0 + FoldedAttention.bytes(
                configuration, levels: ranks.packedLevels(ofLayer: $1, headWidth: configuration.headWidth))
        }
        return own + Double(folded) + Double(layers.count) * resident * 2
            + Double(tracedSteps) * (28 * Double(configuration.layers) * segments + 12)
    }

    /// - Throws: `ConfigurationError` where `ranks` such ranks do not fit into this node's memory, or one does not fit into the
    ///   address space that the system leaves it.
    public func requireFit(ranks: Int, threads: Int) throws(ConfigurationError) {
        if let memory = MemoryLimits.memory, bytes * Double(ranks) > memory {
            throw ConfigurationError(
                "the run needs about \(MemoryLimits.gibibytes(bytes)) GiB for each of \(ranks) rank\(ranks == 1 ? "" : "s") "
                    + "where \(MemoryLimits.gibibytes(memory)) GiB are allowed on this node; use a smaller "
                    + "\(option: "micro-batch") or model, or fewer ranks a node")
        }
        try MemoryLimits.requireAddressSpace(bytes: bytes, threads: threads)
    }
}
