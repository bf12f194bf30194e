import Communicator
import Kernels
import LowRank
import Model
import Options

/// The communicators of one rank: made once, passed to whoever talks to other ranks.
///
///     let topology = try Topology(rank: world.rank, worldSize: world.size, stages: 2)
///     let grid = try Grid(topology, world: world)
///     try grid.sameStage.allreduce(gradients, .sum)  // over replicas
public final class Grid {
    /// Which replica and stage this rank is.
    public let topology: Topology
    /// All ranks.
    public let world: Communicator
    /// This stage on all replicas, ordered by replica: gradients.
    public let sameStage: Communicator
    /// All stages of this replica, ordered by stage: activations.
    public let sameReplica: Communicator
    /// First and last stages of all replicas, which share the token embedding; nil elsewhere and with one stage.
    public let embeddingOwners: Communicator?

    /// Collective.
    ///
    /// - Throws: `MPIError`.
    public init(_ topology: Topology, world: consuming Communicator) throws(MPIError) {
        self.topology = topology
        sameStage = try world.split(color: topology.stage, key: topology.replica, name: "same stage")
        sameReplica = try world.split(color: topology.replica, key: topology.stage, name: "same replica")
        let ownsEmbedding = topology.stages > 1 && (topology.isFirstStage || topology.isLastStage)
        embeddingOwners = try world.split(color: ownsEmbedding ? 0 : nil, key: topology.rank, name: "embedding owners")
        self.world = world
    }

    /// Collective: runs `body` on all ranks; where it throws on any, every rank throws `AgreedError` with the lowest
    /// failing rank's text, so that all may leave in order.
    ///
    /// - Throws: that, and `MPIError`.
    public func agree<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
        try agreed(on: world, body)
    }
}

extension Grid: Peers {
    public var replica: Int { topology.replica }
    public var replicas: Int { topology.replicas }
    public func sumOverReplicas(_ values: Buffer<Double>) throws { try sameStage.allreduce(values, .sum) }
    public func sum(_ values: Buffer<Double>) throws { try world.allreduce(values, .sum) }
    public func sum(_ values: Buffer<Float>) throws { try world.allreduce(values, .sum) }
}

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
