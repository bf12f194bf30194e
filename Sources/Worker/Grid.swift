import Communicator
import DynamicRank
import Kernels

/// The communicators of one rank: made once, passed to whoever talks to other ranks.
public final class Grid {
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
