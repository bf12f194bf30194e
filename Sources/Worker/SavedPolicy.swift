import Checkpoint
import Communicator
import DynamicRank
import Transformer

extension CheckpointReader {
    /// Why an engine's policy cannot be read from here: it has none, or one for other levels or segments. Nil
    /// where it can be, or no policy decides.
    ///
    /// - Throws: `CheckpointError` where the checkpoint cannot be read.
    public func lack(ofPolicyFor engine: RankEngine) throws -> ConfigurationError? {
        guard let entry = engine.policyEntries.first else { return nil }
        let options = engine.options
        guard description(of: CheckpointLayout.policy(entry.name)) != nil else {
            return ConfigurationError(
                "\(path): it holds no policy, which --attention policy needs; start one with drrl-train --new-policy, or "
                    + "use another checkpoint or strategy")
        }
        guard let saved = try json(CheckpointLayout.config, as: SavedRun.self).ranks else { return nil }
        func names(_ levels: [Level]) -> String { levels.map(\.description).joined(separator: ",") }
        guard saved.levels == options.levels else {
            return ConfigurationError(
                "\(path): its policy chooses among levels \(names(saved.levels)), this run among \(names(options.levels)); "
                    + "use --levels \(names(saved.levels)), or start anew with drrl-train --new-policy")
        }
        guard saved.segment == options.segment else {
            return ConfigurationError(
                "\(path): its policy decides for segments of \(saved.segment) tokens, this run asks for \(options.segment); "
                    + "use --segment \(saved.segment), or start anew with drrl-train --new-policy")
        }
        return nil
    }
}

/// Collective: fills the engine's policy from what rank 0 reads; `reader` is nil on other ranks.
///
/// - Throws: `AgreedError` and `MPIError`.
public func fillPolicy(
    of engine: RankEngine, from reader: borrowing CheckpointReader?, world: borrowing Communicator
) throws {
    for entry in engine.policyEntries {
        try agreed(on: world) {
            try reader?.read(CheckpointLayout.policy(entry.name), shape: entry.shape, into: entry.values)
        }
        try world.broadcast(entry.values, root: 0)
    }
}
