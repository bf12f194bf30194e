import Communicator
import Foundation
import LowRank
import Model
import Worker

/// The rows in the table of one context, and how each attends.
///
/// What others are held against, the reference, runs on the measured windows first; levels by layer are found on the
/// calibration windows, so that none is judged on what chose it.
final class ComparisonRows {
    /// How the levels by layer were found, once they were asked for.
    private(set) var search: Comparison.Search?

    private let runner: WindowRunner
    private let plan: ComparisonPlan.Context
    private let measured, calibration: WindowedText
    private let budgets: [Double]
    private var referenceRun: WindowRun?
    private var uniformRuns: [WindowRun] = []

    init(
        _ runner: WindowRunner, _ plan: ComparisonPlan.Context, budgets: [Double], measured: WindowedText,
        calibration: WindowedText
    ) {
        self.runner = runner
        self.budgets = budgets
        self.plan = plan
        self.measured = measured
        self.calibration = calibration
    }

    /// FLOPs that the reference executed on the measured windows, once they were asked for.
    var budget: Double? { referenceRun?.flops.total }

    /// And the shares of its levels, by layer.
    var referenceShares: [[Double]]? { referenceRun?.histogram.shares }

    /// Collective: the rows; those that attend alike are one, with the names of all.
    ///
    /// - Throws: `AgreedError` and `MPIError`.
    func rows(on world: borrowing Communicator) throws -> [ComparedOptions] {
        var rows: [ComparedOptions] = []
        func add(_ names: [String], _ mode: some AttentionMode) {
            let options = options(mode)
            if let i = rows.firstIndex(where: { $0.options == options }) {
                rows[i].names += names.filter { !rows[i].names.contains($0) }
            } else {
                rows.append(ComparedOptions(names: names, options: options))
            }
        }
        for entry in plan.entries {
            for (names, mode) in try modes(entry, on: world) { add(names, mode) }
        }
        for share in budgets {
            for (name, mode) in try modes(within: share, on: world) { add(["\(name) within \(share)"], mode) }
        }
        return rows
    }

    /// Ways of attending that keep within a share of full attention's scores and values, where they can.
    private func modes(
        within share: Double, on world: borrowing Communicator
    ) throws -> [(name: String, mode: any AttentionMode)] {
        let energy = try runner.engine(options(EnergyRule(keeping: 1)), on: world)
        var modes: [(name: String, mode: any AttentionMode)] = []
        // The checkpoint's policy by token keeps other budgets at their prices.
        let policies = plan.modes.values.compactMap { $0 as? TokenPolicy }
        let calibrated: [(name: String, strategy: any Strategy)] = policies.map {
            (TokenPolicy.name, TokenPolicy(within: share, grain: $0.grain))
        } + [
            (ForecastLevels.name, ForecastLevels(within: share)),
            (AllocatedLevelsByLayer.name, AllocatedLevelsByLayer(within: share)),
            (RandomLevels.name, ShuffledLevels(within: share)),
        ]
        for (name, strategy) in calibrated {
            func canKeep(_ strategy: some Strategy) -> Bool {
                (try? strategy.check(energy.calibrated, runner.model, options(strategy), length: plan.context)) != nil
            }
            if canKeep(strategy) { modes.append((name, strategy)) }
        }
        if let level = energy.dearestLevel(within: share, length: plan.context) {
            modes.append((FixedLevels.name, FixedLevels([level])))
        }
        if let kept = energy.energyShare(within: share, length: plan.context) {
            modes.append((EnergyRule.name, EnergyRule(keeping: kept)))
        }
        return modes
    }

    /// The rows of an entry: their names, and how each attends.
    private func modes(
        _ entry: ComparisonEntry, on world: borrowing Communicator
    ) throws -> [(names: [String], mode: any AttentionMode)] {
        guard let derived = entry.derived else { return plan.modes[entry].map { [([entry.name], $0)] } ?? [] }
        let all = plan.levels
        let found = try derived.rows(
            among: all, layers: runner.model.layers,
            reference: {
                let run = try runReference(on: world)
                return ReferenceRun(
                    flops: run.flops.total, variedShares: run.histogram.varies ? run.histogram.shares : nil)
            },
            costs: { try costs(on: world) },
            loss: { levels in
                if levels.allSatisfy({ $0 == levels[0] }) { return uniformRuns[levels[0]].nll }
                return try run(FixedLevels(levels.map { all[$0] }), calibration, on: world).nll
            })
        if let search = found.search {
            self.search = Comparison.Search(
                levels: search.levels.map { all[$0].description }, nll: search.loss, flops: search.flops,
                measured: search.measured,
                uniform: zip(all, zip(try costs(on: world), uniformRuns)).map {
                    .init(level: $0.description, nll: $1.1.nll, flops: $1.0)
                })
        }
        return found.rows.map { ($0.names, $0.strategy) }
    }

    /// How a mode attends in this table.
    func options(_ mode: some AttentionMode) -> RankOptions {
        var options = RankOptions(mode: mode, levels: mode.levels(from: plan.levels), segment: plan.segment)
        if let strategy = options.strategy {
            (options.basis, options.values) = (plan.basis, plan.values)
            if !type(of: strategy).measuresReward { options.exact = plan.exact }
        }
        return options
    }

    private func run(
        _ mode: some AttentionMode, _ text: WindowedText, on world: borrowing Communicator
    ) throws -> WindowRun {
        try runner.run(text, runner.engine(options(mode), on: world), on: world)
    }

    private func runReference(on world: borrowing Communicator) throws -> WindowRun {
        if let referenceRun { return referenceRun }
        guard let mode = plan.modes[plan.reference] else {
            preconditionFailure("the reference \(plan.reference.name) stands by itself")
        }
        let run = try run(mode, measured, on: world)
        referenceRun = run
        return run
    }

    /// FLOPs of each level everywhere on the measured windows, from those executed on the calibration windows: windows
    /// are all as long, and resident bases are folded once.
    private func costs(on world: borrowing Communicator) throws -> [Double] {
        if uniformRuns.isEmpty {
            for level in plan.levels { uniformRuns.append(try run(FixedLevels([level]), calibration, on: world)) }
        }
        let ratio = Double(measured.windows.count) / Double(calibration.windows.count)
        return uniformRuns.map { ($0.flops.total - $0.foldingFLOPs) * ratio + $0.foldingFLOPs }
    }
}
