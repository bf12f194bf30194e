import CommandLine
import Communicator
import Corpus
import Foundation
import JSON
import Kernels
import LowRank
import Model
import Options
import Worker

extension Comparison {
    /// What no strategy can be expected to do better than, on a few windows, and what the strategies do there: levels within a
    /// budget, by segment and by token, chosen by what every level truly loses in every layer alone (`OracleLevels`).
    public struct Ceilings: Codable, Equatable, Sendable {
        /// A ceiling, or a row of the table, on these windows alone.
        public struct Row: Codable, Equatable, Sendable {
            public var names: [String]
            /// Whether its levels were chosen with the truth in hand.
            public var is_ceiling: Bool
            /// Nats, over all predicted tokens.
            public var nll: Double
            /// exp(NLL / token), and its ratio to full attention's; nil where beyond all numbers.
            public var token_perplexity, perplexity_ratio: JSONNumber
            public var flops: AttentionFLOPs
            /// Σ over layers of what its levels lose there alone, nats a token; nil where one of them was not measured.
            public var divergence: Double?
        }

        public var windows, predicted_tokens: Int
        /// Measured, besides full attention.
        public var levels: [String]
        /// That measuring took.
        public var seconds: Double
        public var rows: [Row]
    }
}

/// Finds a context's ceilings.
struct CeilingSearch {
    private let runner: WindowRunner
    private let plan: ComparisonPlan.Context
    private let oracle: ComparisonPlan.Oracle
    private let budgets: [Double]
    private let say: (String) -> Void
    /// Most levels that are measured unless they are named.
    private static let mostLevels = 8

    init(
        _ runner: WindowRunner, _ plan: ComparisonPlan.Context, _ oracle: ComparisonPlan.Oracle, budgets: [Double],
        say: @escaping (String) -> Void
    ) {
        self.runner = runner
        self.plan = plan
        self.oracle = oracle
        self.budgets = budgets
        self.say = say
    }

    /// Collective: on the first whole windows of `tokens`.
    ///
    /// - Parameters:
    ///   - rows: of the table, with their engines; full attention first.
    ///   - options: of some strategy of the table that names levels.
    /// - Throws: `AgreedError` and `MPIError`.
    func ceilings(
        _ tokens: Tokens, rows: [(ComparedOptions, RankEngine)], _ options: RankOptions, on world: borrowing Communicator
    ) throws -> Comparison.Ceilings {
        let L = plan.context, windows = min((tokens.count - 1) / L, oracle.windows)
        try agreed(on: world) {
            guard plan.exact == nil || windows < 1 else { return }
            throw ConfigurationError(
                plan.exact == nil
                    ? "--oracle-windows needs far keys that a level can be for; --exact-recent off has none"
                    : "--oracle-windows needs a window of \(L) tokens; the text that is measured has \(tokens.count)")
        }
        let text = try agreed(on: world) { try WindowedText(tokens[0..<(windows * L + 1)], context: L) }
        let engine = try runner.engine(options, on: world), start = monotonicSeconds()
        let known = try measure(text, engine, on: world)
        let seconds = monotonicSeconds() - start

        var runs: [(names: [String], isCeiling: Bool, run: WindowRun, isKnown: Bool)] = []
        for (own, engine) in rows {
            let isFull = own.options.mode is FullAttention
            runs.append((
                own.names, false, try runner.run(text, engine, on: world),
                isFull || own.options.namesLevels && own.options.exact == plan.exact))
        }
        for share in budgets {
            guard let oracles = try? known.oracles(within: share, runner.model, options, runner.calibrated) else { continue }
            for (name, levels) in [("segment oracle", oracles.segment), ("token oracle", oracles.token)] {
                runs.append((["\(name) within \(share)"], true, try runner.run(text, engine, at: levels, on: world), true))
            }
        }
        let sums = Buffer(runs.map { $0.isKnown ? sum(of: $0.run.record, known, on: world.rank, of: world.size) : .nan })
        try world.allreduce(sums, .sum)
        let count = Double(text.windows.targets), full = runs[0].run.nll
        let found = zip(runs, sums.array).map { own, sum in
            Comparison.Ceilings.Row(
                names: own.names, is_ceiling: own.isCeiling, nll: own.run.nll,
                token_perplexity: JSONNumber(EvaluationReport.perplexity(own.run.nll, of: text.windows.targets)),
                perplexity_ratio: JSONNumber(exp((own.run.nll - full) / count)), flops: own.run.flops,
                divergence: sum.isNaN ? nil : sum / count)
        }
        return Comparison.Ceilings(
            windows: windows, predicted_tokens: text.windows.targets, levels: known.measured.map(\.description),
            seconds: seconds, rows: found)
    }

    /// Collective: ranks share the layers.
    private func measure(
        _ text: WindowedText, _ engine: RankEngine, on world: borrowing Communicator
    ) throws -> LevelDivergences {
        let model = runner.model, (rank, size) = (world.rank, world.size)
        let known = LevelDivergences(
            levels: levels(engine.options), headWidth: model.headWidth, windows: text.windows.count, layers: model.layers,
            length: plan.context)
        let measuring = LayerDivergences(
            stage: runner.stage(for: engine.options), activations: runner.activations, pass: engine.pass(ofLayer:at:))
        text.forEachBatch(part: 0, of: 1, most: 1) { window, batch in
            measuring.measure(batch, levels: known.measured, where: { $0 % size == rank }) { layer, divergences in
                for (i, own) in divergences.enumerated() { known[window.lowerBound, layer, i].copy(from: own) }
                say("ceilings, window \(window.upperBound) of \(text.windows.count): layer \(layer + 1) of \(model.layers)")
            }
        } between: { _, _ in true }
        try world.allreduce(known.values, .sum)
        return known
    }

    /// Those that were named; else the cheapest that is known and those that `allocated` takes most, or without a calibration the
    /// list's.
    private func levels(_ options: RankOptions) -> [Level] {
        if let named = oracle.levels { return named }
        let d = runner.model.headWidth, full = Level(scoreRank: d, valueRank: d)
        func cost(_ level: Level) -> Int { level.scoreRank + level.valueRank }
        var levels = plan.levels
        if let known = runner.calibrated?.levels {
            let used = known.used(within: budgets, runner.model, options, length: plan.context)
            levels = known.levels.min { cost($0) < cost($1) }.map { cheapest in
                [cheapest] + used.filter { $0 != cheapest }
            } ?? used
        }
        return levels.filter { $0 != full }.prefix(Self.mostLevels)
            .sorted { (cost($0), $0.scoreRank) < (cost($1), $1.scoreRank) }
    }

    /// Σ of the divergences of the levels at which this rank's windows attended; NaN where one is not known.
    private func sum(of record: TokenRecord, _ known: LevelDivergences, on rank: Int, of size: Int) -> Double {
        let L = known.length, N = known.layers
        var sum = 0.0
        for (place, window) in Topology.share(of: known.windows, part: rank, of: size).enumerated() {
            for token in 0..<L {
                let first = (place * L + token) * 2 * N
                let loss = known.loss(window: window, token: token) { layer in
                    Level(
                        scoreRank: Int(record.ranks[first + 2 * layer]), valueRank: Int(record.ranks[first + 2 * layer + 1]))
                }
                sum += loss ?? .nan
            }
        }
        return sum
    }
}
