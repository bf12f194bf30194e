import Kernels

/// What a checkpoint holds of the policy: `/policy/…`, all float32 but for what counts; every rank has the whole.
extension PolicyAgent: Persistent {
    public var noun: String { "a weight of the policy" }

    /// `model/conv.weight` and so on; Adam's moments as `m/…` and `v/…`; `baseline`; `progress`.
    public var entries: [PersistentEntry] {
        let arena = network.arena
        var entries: [PersistentEntry] = []
        for (group, values) in [("model/", arena.values), ("m/", arena.firstMoment), ("v/", arena.secondMoment)] {
            entries += arena.layout.parameters.map {
                PersistentEntry("/policy/" + group + $0.name, $0.shape, [values[$0.range]])
            }
        }
        let layers = configuration.layers
        entries.append(PersistentEntry("/policy/baseline", [layers, baseline.count / layers], [baseline]))
        entries.append(PersistentEntry("/policy/progress", [2], [progress]))
        return entries
    }
}
