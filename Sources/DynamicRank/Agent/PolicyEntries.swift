import Kernels

/// What a checkpoint holds of the policy: `/policy/…`, all float32 but for what counts.
public struct PolicyEntry: Sendable {
    /// Such as `model/conv.weight`, `m/…` and `v/…` for Adam's moments, `baseline`, `progress`.
    public let name: String
    public let shape: [Int]
    /// The memory itself: writing to it sets the entry.
    public let values: Buffer<Float>
}

extension RankEngine {
    /// The policy's entries; none where no policy decides. The same on every rank.
    public var policyEntries: [PolicyEntry] {
        guard let agent else { return [] }
        let arena = agent.network.arena
        var entries: [PolicyEntry] = []
        for (group, values) in [("model/", arena.values), ("m/", arena.firstMoment), ("v/", arena.secondMoment)] {
            entries += arena.layout.parameters.map {
                PolicyEntry(name: group + $0.name, shape: $0.shape, values: values[$0.range])
            }
        }
        let layers = agent.configuration.layers
        entries.append(
            PolicyEntry(name: "baseline", shape: [layers, agent.baseline.count / layers], values: agent.baseline))
        entries.append(PolicyEntry(name: "progress", shape: [2], values: agent.progress))
        return entries
    }
}
