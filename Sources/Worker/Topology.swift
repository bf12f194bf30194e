import Options
import Transformer

/// A rank's place in the grid of replicas × stages; stage runs fastest.
public struct Topology: Equatable, Sendable {
    /// This rank in the world.
    public let rank: Int
    /// Replicas: each takes a share of the batch.
    public let replicas: Int
    /// Stages: each holds a share of the layers.
    public let stages: Int

    /// - Throws: `ConfigurationError` when `stages` does not divide the world, naming the sizes that would do.
    public init(rank: Int, worldSize: Int, stages: Int) throws(ConfigurationError) {
        guard stages >= 1 else {
            throw ConfigurationError("\(option: "layer-shards") is \(stages); it must be at least 1")
        }
        guard worldSize % stages == 0 else {
            let shards = (1...worldSize).filter { worldSize % $0 == 0 }.map(String.init).joined(separator: ", ")
            let below = worldSize / stages * stages
            let worlds = (below > 0 ? "\(below) or " : "") + "\(below + stages)"
            throw ConfigurationError(
                "\(option: "layer-shards") \(stages) does not divide \(worldSize) ranks; start \(worlds) ranks, or use "
                    + "\(option: "layer-shards") \(shards)")
        }
        self.rank = rank
        self.stages = stages
        replicas = worldSize / stages
    }

    /// This rank's replica.
    public var replica: Int { rank / stages }
    /// This rank's stage.
    public var stage: Int { rank % stages }
    /// Whether this rank holds the embedding.
    public var isFirstStage: Bool { stage == 0 }
    /// Whether this rank holds the head.
    public var isLastStage: Bool { stage == stages - 1 }

    /// The share `part` of `parts` of `count` things in order, sizes differing by one at most.
    public static func share(of count: Int, part: Int, of parts: Int) -> Range<Int> {
        (count * part / parts)..<(count * (part + 1) / parts)
    }
}
