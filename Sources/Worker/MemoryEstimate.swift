import Transformer
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// How much memory a rank's share of a run takes: the large arrays, in float32.
public struct MemoryEstimate: Sendable {
    /// Bytes of one rank.
    public let bytes: Double

    /// For the stage that `topology` gives this rank.
    ///
    /// Throws `ConfigurationError` when there are more stages than layers.
    public init(
        _ configuration: ModelConfiguration, _ options: TrainingOptions, _ topology: Topology
    ) throws(ConfigurationError) {
        let placement = try StagePlacement.split(configuration, stages: topology.stages)[topology.stage]
        let D = Double(configuration.width), H = Double(configuration.heads)
        let share = Topology.share(of: options.batch, part: topology.replica, of: topology.replicas).count
        let sequences = min(options.microBatch, share)
        let rows = Double(sequences) * Double(configuration.context)
        let inFlight = Double(
            PipelineSchedule.inFlight(
                stage: topology.stage, stages: topology.stages,
                microBatches: (share + sequences - 1) / max(sequences, 1)))
        let layers = Double(placement.layers.count)
        // Values, gradients, two moments, and sums over replicas.
        var parameters = layers * (12 * D * D + 13 * D)
        if placement.isFirst || placement.isLast { parameters += Double(configuration.vocabularySize) * D }
        if placement.isFirst { parameters += Double(configuration.context) * D }
        let arrays = topology.replicas > 1 || topology.stages > 1 ? 5.0 : 4.0
        // What layers keep for each micro-batch in flight, and what they share.
        let kept = inFlight * rows * (layers * (10 * D + H + 4) + D)
        let shared = rows * (15 * D + H) + 24 * 1_048_576
        bytes = 4 * (arrays * parameters + kept + shared)
    }

    /// Throws `ConfigurationError` where `ranks` such ranks do not fit into this node's memory.
    public func requireFit(ranks: Int) throws(ConfigurationError) {
        let memory = Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE)))
        // A system that does not tell leaves it to the allocator.
        guard memory > 0, bytes * Double(ranks) > memory else { return }
        func gibibytes(_ x: Double) -> String { x < 1e16 ? "\((x / 1_073_741_824 * 10).rounded() / 10)" : "\(x / 1_073_741_824)" }
        throw ConfigurationError(
            "the run needs about \(gibibytes(bytes)) GiB for each of \(ranks) rank\(ranks == 1 ? "" : "s") on a node of "
                + "\(gibibytes(memory)) GiB; use a smaller --micro-batch or model, or fewer ranks a node")
    }
}
