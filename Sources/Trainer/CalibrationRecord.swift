import CommandLine
import Communicator
import LowRank
import Options
import Worker

/// What levels lose in a checkpoint's model, and how attention ran when that was measured.
struct CalibrationRecord {
    let losses: CalibratedLosses
    /// Its segments, exact tokens and value bases.
    let ranks: RankOptions
    /// The checkpoint's.
    let path: String

    /// Collective: that of a checkpoint; nil where `drrl calibrate` has not looked.
    ///
    /// - Throws: `AgreedError` on every rank where it cannot be read, and `MPIError`.
    init?(of checkpoint: borrowing OpenCheckpoint, on world: borrowing Communicator) throws {
        guard let losses = try checkpoint.calibratedLosses(on: world), let ranks = checkpoint.run.ranks else { return nil }
        self.losses = losses
        self.ranks = ranks
        path = checkpoint.path
    }

    /// What was given of attention, with segments, exact tokens and the measure of value bases as they were measured where
    /// nothing was said of them.
    func filling(_ given: OptionValues, context: Int) -> OptionValues {
        typealias Own = AttentionOptions
        var own = given
        if given[Own.segment] == nil, context % ranks.segment == 0 { own[Own.segment] = ranks.segment.optionText }
        let mode = AttentionRegistry.mode(named: given[Own.attention] ?? FullAttention.name)
        guard let strategy = mode as? any Strategy.Type else { return own }
        if given[Own.valueBasis] == nil { own[Own.valueBasis] = ranks.values.optionText }
        if let exact = ranks.exact, !strategy.measuresReward, given[Own.exactRecent] == nil, given[Own.exactFirst] == nil {
            own[Own.exactRecent] = ExactRecent.segments(exact.recent).optionText
            own[Own.exactFirst] = exact.first.optionText
        }
        return own
    }

    /// - Throws: `ConfigurationError` where a run would attend otherwise than was measured, and rests on that.
    func check(_ run: RunConfiguration) throws(ConfigurationError) {
        let own = run.ranks
        guard own.namesLevels else { return }
        let isByLoss = own.mode is any WithinBudget
        if isByLoss, own.segment != ranks.segment {
            throw ConfigurationError(
                "\(path): what levels lose was measured in segments of \(ranks.segment) tokens, and this run has segments of "
                    + "\(own.segment); use --segment \(ranks.segment), or calibrate it again with --segment \(own.segment)")
        }
        if isByLoss, let exact = ranks.exact, let asked = own.exact, asked != exact {
            throw ConfigurationError(
                "\(path): what levels lose was measured with --exact-recent \(exact.recent) --exact-first \(exact.first), and "
                    + "this run has \(asked.recent) and \(asked.first); use those, or calibrate it again with these")
        }
        if isByLoss || run.bases == .fixed, own.values != ranks.values {
            throw ConfigurationError(
                "\(path): its value bases keep \(ranks.values.rawValue) best, and this run asks for --value-basis "
                    + "\(own.values.rawValue); use --value-basis \(ranks.values.rawValue), or calibrate it again")
        }
    }
}
