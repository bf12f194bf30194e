import Communicator
import DynamicRank
import Foundation
import Transformer
import Worker

/// Who stands in the table of one context, and how each attends.
///
/// What others are held against, the reference, runs on the measured windows first; levels by layer are found on the
/// calibration windows, so that none is judged on what chose it.
final class Roster {
    /// How the levels by layer were found, once they were asked for.
    private(set) var search: Comparison.Search?

    private let runner: WindowRunner
    private let plan: ComparisonPlan.Context
    private let measured, calibration: WindowedText
    private var referenceRun: WindowRun?
    private var uniformRuns: [WindowRun] = []

    init(_ runner: WindowRunner, _ plan: ComparisonPlan.Context, measured: WindowedText, calibration: WindowedText) {
        self.runner = runner
        self.plan = plan
        self.measured = measured
        self.calibration = calibration
    }

    /// FLOPs that the reference executed on the measured windows, once they were asked for.
    var budget: Double? { referenceRun?.flops.total }

    /// And the shares of its levels, by layer.
    var referenceShares: [[Double]]? { referenceRun?.histogram.shares }

    /// Collective: the rows; those that attend alike are one, with the names of all. Throws `AgreedError` and `MPIError`.
    func contenders(on world: borrowing Communicator) throws -> [Contender] {
        var contenders: [Contender] = []
        for entry in plan.entries {
            for (names, strategy) in try strategies(entry, on: world) {
                let options = options(strategy)
                if let i = contenders.firstIndex(where: { $0.options == options }) {
                    contenders[i].names += names.filter { !contenders[i].names.contains($0) }
                } else {
                    contenders.append(Contender(names: names, options: options))
                }
            }
        }
        return contenders
    }

    /// The rows of an entry: their names, and who names their levels.
    private func strategies(
        _ entry: Entry, on world: borrowing Communicator
    ) throws -> [(names: [String], strategy: Strategy)] {
        switch entry {
        case .full, .energy, .random, .policy, .oracle, .performer, .nystrom:
            return plan.strategies[entry].map { [([entry.rawValue], $0)] } ?? []
        case .fixed: return plan.levels.map { (["fixed \($0)"], .fixed([$0])) }
        case .nearest:
            let level = try nearestLevel(on: world)
            return [(["fixed \(level)", "nearest"], .fixed([level]))]
        case .perLayer:
            let levels = try bestLevels(on: world)
            return [(["per-layer"], .fixed(Set(levels).count == 1 ? [levels[0]] : levels))]
        case .histogram:
            let histogram = try runReference(on: world).histogram
            // One level a layer cannot be drawn otherwise.
            return histogram.varies ? histogram.shares.map { [(["histogram"], .random($0))] } ?? [] : []
        }
    }

    private func options(_ strategy: Strategy) -> RankOptions {
        var options = RankOptions(strategy: strategy, levels: plan.levels, segment: plan.segment)
        if case .fixed(let fixed) = strategy { options.levels = fixed }
        if strategy.namesLevels { options.basis = plan.basis }
        return options
    }

    private func run(_ strategy: Strategy, _ text: WindowedText, on world: borrowing Communicator) throws -> WindowRun {
        try runner.run(text, runner.engine(options(strategy), on: world), on: world)
    }

    private func runReference(on world: borrowing Communicator) throws -> WindowRun {
        if let referenceRun { return referenceRun }
        let run = try run(strategies(plan.reference, on: world)[0].strategy, measured, on: world)
        referenceRun = run
        return run
    }

    /// FLOPs of each level everywhere on the measured windows, from those executed on the calibration windows: windows
    /// are all as long, and resident bases are folded once.
    private func costs(on world: borrowing Communicator) throws -> [Double] {
        if uniformRuns.isEmpty {
            for level in plan.levels { uniformRuns.append(try run(.fixed([level]), calibration, on: world)) }
        }
        let ratio = Double(measured.windows.count) / Double(calibration.windows.count)
        return uniformRuns.map { ($0.flops.total - $0.foldingFLOPs) * ratio + $0.foldingFLOPs }
    }

    private func nearestLevel(on world: borrowing Communicator) throws -> Level {
        let budget = try runReference(on: world).flops.total, costs = try costs(on: world)
        let nearest = costs.indices.min { abs(costs[$0] - budget) < abs(costs[$1] - budget) } ?? 0
        return plan.levels[nearest]
    }

    private func bestLevels(on world: borrowing Communicator) throws -> [Level] {
        let budget = try runReference(on: world).flops.total, costs = try costs(on: world)
        let layers = runner.model.layers, all = plan.levels
        var search = PerLayerSearch(costs: costs.map { $0 / Double(layers) }, layers: layers, budget: budget)
        var nll: [[Int]: Double] = [:]
        let found = try search.run { levels in
            let isUniform = levels.allSatisfy { $0 == levels[0] }
            let loss = isUniform
                ? uniformRuns[levels[0]].nll : try run(.fixed(levels.map { all[$0] }), calibration, on: world).nll
            nll[levels] = loss
            return loss
        }
        self.search = Comparison.Search(
            levels: found.map { all[$0].description }, nll: nll[found] ?? uniformRuns[found[0]].nll,
            flops: search.cost(found), measured: search.measured,
            uniform: zip(all, zip(costs, uniformRuns)).map { .init(level: $0.description, nll: $1.1.nll, flops: $1.0) })
        return found.map { all[$0] }
    }
}
