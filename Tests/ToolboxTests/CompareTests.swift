import Foundation
import JSON
import TestSupport
import Testing
import Toolbox

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct CompareTests {
    private static let levels = ["1:2", "2:4", "4:8", "32:32"]
    private static let all = ["--levels", levels.joined(separator: ","), "--reference", "random", "--repeats", "2"]

    private func row(_ name: String, _ table: Comparison.Table) throws -> Comparison.Row {
        try #require(table.rows.first { $0.names.contains(name) }, "no row \(name)")
    }

    /// Every strategy, on the whole text; levels by layer are found on the training text.
    private func everything(_ model: TrainedModel, ranks: Int? = nil) async throws -> Comparison {
        try await model.comparison(Self.all + ["--calibrate", model.trainingText], ranks: ranks)
    }

    @Test func everyStrategyHasARow() async throws {
        let model = try await TrainedModel.full(), comparison = try await everything(model)
        let table = try #require(comparison.contexts.first), full = try #require(table.rows.first)
        #expect(comparison.contexts.count == 1 && table.context == 64 && table.stride == 64 && table.segment == 16)
        #expect(comparison.step == TrainedModel.steps && comparison.arguments.first == "compare")
        #expect(table.predicted_tokens == comparison.tokens - 1 && comparison.text_hash != comparison.calibration_hash)
        #expect(table.levels == Self.levels && table.reference == "random")
        let names = Set(table.rows.flatMap(\.names))
        #expect(names == Set(
            ["full", "energy", "random", "nearest", "per-layer", "histogram", "oracle", "performer", "nystrom"] + Self.levels.map { "fixed \($0)" }))

        #expect(full.names == ["full"] && full.perplexity_ratio.value == 1 && full.log_ratio_standard_error == 0)
        #expect(full.flops_ratio == 1 && full.seconds_ratio == 1 && full.flops.total == full.flops.full_attention)
        let whole = try row("fixed 32:32", table), lowest = try row("fixed 1:2", table)
        #expect(abs(whole.perplexity_ratio.value - 1) < 1e-6)
        #expect(lowest.perplexity_ratio.value > 1.0001, "the ranks change nothing")
        for row in table.rows {
            #expect(row.seconds.count == 2 && row.seconds.allSatisfy { $0 > 0 })
            #expect(relativeDifference(row.flops_ratio, row.flops.total / full.flops.total) < 1e-12)
            #expect(relativeDifference(row.perplexity_ratio.value, exp((row.nll - full.nll) / Double(table.predicted_tokens))) < 1e-9)
            #expect(row.score_rank.count == 2 && row.mean_score_rank == (row.score_rank[0] + row.score_rank[1]) / 2)
        }
        let random = try row("random", table)
        #expect(random.flops.total == table.reference_flops)
        let distances = try Self.levels.map { abs(try row("fixed \($0)", table).flops.total - random.flops.total) }
        #expect(abs(try row("nearest", table).flops.total - random.flops.total) == distances.min())
    }

    @Test func basesOnlineAreForWhatNamesLevels() async throws {
        let model = try await TrainedModel.full()
        let options = ["--segment", "8", "--basis", "online"]
        let comparison = try await model.comparison(
            options + ["--strategies", "energy,fixed,nystrom", "--levels", "2:4", "--repeats", "1"]
                + ["--calibrate", model.trainingText])
        let table = try #require(comparison.contexts.first), own = try row("fixed 2:4", table)
        let alone = try await model.result(["--attention", "fixed", "--level", "2:4"] + options)
        #expect(table.basis == .online && alone.basis == .online)
        #expect(own.flops == alone.flops && own.nll == alone.nll)
        #expect(try row("full", table).flops.upkeep == 0)
    }

    @Test func rowsAreWhatEvaluateReports() async throws {
        let model = try await TrainedModel.full(), comparison = try await everything(model)
        let table = try #require(comparison.contexts.first), list = ["--levels", Self.levels.joined(separator: ",")]
        let perLayer = try row("per-layer", table).levels.joined(separator: ",")
        for (name, options) in [
            ("full", ["--attention", "full"]), ("fixed 2:4", ["--attention", "fixed", "--level", "2:4"]),
            ("per-layer", ["--attention", "fixed", "--level", perLayer]),
            ("energy", ["--attention", "energy"] + list), ("random", ["--attention", "random"] + list),
            ("oracle", ["--attention", "oracle"] + list), ("performer", ["--attention", "performer"]),
            ("nystrom", ["--attention", "nystrom"]),
        ] {
            let own = try row(name, table), alone = try await model.result(options + ["--segment", "16"])
            #expect(own.flops == alone.flops && own.nll == alone.nll, "\(name)")
            #expect(own.token_perplexity.value == alone.token_perplexity.value, "\(name)")
            #expect(own.score_rank == alone.score_rank && own.value_rank == alone.value_rank, "\(name)")
        }
    }

    @Test func levelsByLayerLoseNoMoreThanOneLevelWhereTheyWereFound() async throws {
        let model = try await TrainedModel.full()
        let options = Self.all + ["--calibrate", model.trainingText, "--exact-recent", "off"]
        let table = try #require(try await model.comparison(options).contexts.first)
        let search = try #require(table.search), budget = try #require(table.reference_flops)
        #expect(search.flops <= budget && Set(search.levels).isSubset(of: Self.levels) && search.levels.count == 2)
        for uniform in search.uniform where uniform.flops <= budget { #expect(search.nll <= uniform.nll, "\(uniform.level)") }
        // FLOPs of layers add up, so those foreseen are those executed.
        let own = try row("per-layer", table)
        #expect(relativeDifference(own.flops.total, search.flops) < 1e-12)
        #expect(Set(search.levels).count == 2 && own.levels == search.levels, "the layers do not differ: \(search.levels)")
        for uniform in search.uniform { #expect(try row("fixed \(uniform.level)", table).flops.total == uniform.flops) }
    }

    @Test func theHistogramIsTheReferencesOwn() async throws {
        let model = try await TrainedModel.full(), table = try #require(try await everything(model).contexts.first)
        let shares = try #require(table.reference_histogram), own = try row("histogram", table)
        let ranks = Self.levels.map { $0.split(separator: ":").map { Double($0) ?? .nan } }
        for (layer, shares) in shares.enumerated() {
            #expect(abs(shares.reduce(0, +) - 1) < 1e-12 && shares.allSatisfy { $0 > 0.1 })
            let mean = zip(shares, ranks).reduce(0) { $0 + $1.0 * $1.1[0] }
            let variance = zip(shares, ranks).reduce(0) { $0 + $1.0 * ($1.1[0] - mean) * ($1.1[0] - mean) }
            let deviation = (variance / Double(4 * table.windows)).squareRoot()
            #expect(abs(own.score_rank[layer] - mean) < 4 * deviation)
        }
        let random = try row("random", table)
        #expect(own.nll != random.nll, "the same draws")
        let held = try await model.comparison(["--repeats", "1", "--windows", "4"])
        let names = try #require(held.contexts.first).rows.flatMap(\.names)
        #expect(!names.contains("histogram") && names.contains("per-layer"), "\(names)")
    }

    @Test func aPolicyIsWhatOthersAreHeldAgainst() async throws {
        let model = try await TrainedModel.policy()
        let comparison = try await model.comparison(["--repeats", "1", "--calibrate", model.trainingText])
        let table = try #require(comparison.contexts.first), own = try row("policy", table)
        #expect(table.reference == "policy" && table.reference_flops == own.flops.total && own.flops.policy > 0)
        #expect(table.levels == ["1:2", "2:4", "4:8"] && table.rows.flatMap(\.names).contains("oracle"))
        #expect(own.flops.total == own.flops.projections + own.flops.scores + own.flops.values + own.flops.upkeep
            + own.flops.policy + own.flops.guard)
        let alone = try await model.result([])
        #expect(own.nll == alone.nll && own.flops == alone.flops && own.score_rank == alone.score_rank)
        // Its levels and segments are its own: elsewhere it stands back, unless it is asked for.
        let others = try await model.comparison(["--repeats", "1", "--windows", "3", "--levels", "1:2,4:8"])
        #expect(others.contexts.first?.reference == "energy")
        let refused = try await model.compare(["--levels", "1:2,4:8", "--strategies", "policy"])
        #expect(refused.status == 2 && refused.errors.contains("--levels 1:2,2:4,4:8"), "\(refused)")
    }

    @Test func theErrorIsThatOfPairedWindows() async throws {
        let model = try await TrainedModel.full(), table = try #require(try await everything(model).contexts.first)
        func windows(_ options: [String]) async throws -> [[Double]] {
            let nll = try await model.tokenLines(options).dropFirst().map { Double($0.split(separator: ",")[2]) ?? .nan }
            return stride(from: 0, to: nll.count, by: 64).map { Array(nll[$0..<min($0 + 64, nll.count)]) }
        }
        let full = try await windows([]), low = try await windows(["--attention", "fixed", "--level", "1:2"])
        let count = Double(full.count), tokens = Double(full.joined().count)
        let mean = (low.joined().reduce(0, +) - full.joined().reduce(0, +)) / tokens
        let squares = zip(low, full).map { low, full in
            pow(low.reduce(0, +) - full.reduce(0, +) - mean * Double(full.count), 2)
        }.reduce(0, +)
        let error = (count / (count - 1) * squares).squareRoot() / tokens
        #expect(relativeDifference(try row("fixed 1:2", table).log_ratio_standard_error, error) < 1e-6)
    }

    /// Every row has its recall, whoever shares the windows; where the pairs do not fit, one line says so.
    @Test func recallIsAColumn() async throws {
        let model = try await TrainedModel.full()
        let options = [
            "--strategies", "random", "--levels", "1:2,4:8", "--segment", "4", "--exact-recent", "0", "--exact-first", "0",
            "--repeats", "1", "--windows", "3", "--needle-pairs", "1", "--needles", "3",
        ]
        let alone = try await model.compare(options)
        if alone.succeeded {
            #expect(alone.output.contains("recall") && alone.output.contains("/3)"), "\(alone)")
            let both = try await model.comparison(options, ranks: 2), one = try await model.comparison(options)
            #expect(both.contexts.first?.rows.map(\.recall) == one.contexts.first?.rows.map(\.recall))
            #expect(one.contexts.first?.rows.allSatisfy { $0.recall?.questions == 3 } == true)
        } else {
            Issue.record("\(alone)")
        }
        let refused = try await model.compare(["--needles", "2", "--repeats", "1", "--windows", "3"])
        #expect(refused.status == 2 && refused.errors.contains("--needles 2: 6 pairs"), "\(refused)")
        #expect(refused.errors.split(separator: "\n").count == 1)
    }

    /// Without --calibrate the first windows are set aside, and the rest is what evaluate has there.
    @Test func whatChoosesLevelsIsNotMeasured() async throws {
        let model = try await TrainedModel.full()
        let comparison = try await model.comparison(["--repeats", "1", "--strategies", "per-layer,fixed", "--levels", "1:2,4:8"])
        let table = try #require(comparison.contexts.first), part = table.calibration_tokens
        #expect(part == max(comparison.tokens / 640, 4) * 64 && table.predicted_tokens == comparison.tokens - part - 1)
        for (name, options) in [("full", []), ("fixed 1:2", ["--attention", "fixed", "--level", "1:2"])] {
            let after = try await model.tokenLines(options).dropFirst(1 + part)
            let nll = after.reduce(0) { $0 + (Double($1.split(separator: ",")[2]) ?? .nan) }
            #expect(relativeDifference(try row(name, table).nll, nll) < 1e-12, "\(name)")
        }
        #expect(Set(table.rows.flatMap(\.names)) == ["full", "fixed 1:2", "fixed 4:8", "per-layer"])
    }

    @Test func twoRanksGiveWhatOneGives() async throws {
        let model = try await TrainedModel.full()
        let alone = try await everything(model), both = try await everything(model, ranks: 2)
        let (a, b) = (try #require(alone.contexts.first), try #require(both.contexts.first))
        #expect(both.ranks == 2 && a.rows.map(\.names) == b.rows.map(\.names) && a.search?.levels == b.search?.levels)
        for (one, two) in zip(a.rows, b.rows) {
            #expect(relativeDifference(two.nll, one.nll) < 1e-12 && two.score_rank == one.score_rank, "\(one.names)")
            #expect(two.flops.scores == one.flops.scores && two.flops.upkeep == 2 * one.flops.upkeep, "\(one.names)")
        }
    }

    @Test func contextsHaveATableEachThatMarkdownReads() async throws {
        let model = try await TrainedModel.random()
        let outcome = try await model.compare(
            ["--features", "16", "--landmarks", "2", "--alpha", "2", "--energy", "0.9", "--contexts", "64,32,24", "--windows", "5", "--repeats", "1", "--segment", "8"], ranks: 2)
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
        let parts = outcome.output.split(separator: "\n\n"), tables = parts.filter { $0.hasPrefix("| strategy") }
        #expect(tables.count == 3 && outcome.output.contains("5 windows at most"), "\(outcome)")
        for context in [64, 32, 24] {
            #expect(outcome.output.contains("\ncontext \(context), stride \(context): 5 windows, \(5 * context) predicted"))
        }
        for table in tables {
            let lines = table.split(separator: "\n")
            #expect(lines.count >= 2 + 1 + 3 + 2 && Set(lines.map(\.count)).count == 1, "\(table)")
            #expect(Set(lines.map { $0.count { $0 == "|" } }) == [11] && lines[1].hasPrefix("|:--"), "\(table)")
        }
        // Levels are the checkpoint's own.
        #expect(outcome.output.contains("levels 1:2,2:4,4:8"))
        // Later --segment wins, and what does not divide a context is not taken from the checkpoint.
        let other = try await drrl(
            ["compare", "--checkpoint", model.checkpoint, "--text", model.text, "--threads", "1", "--contexts", "24",
             "--windows", "2", "--repeats", "1", "--strategies", "fixed"])
        #expect(other.succeeded && other.output.contains("segments of 24 tokens"), "\(other)")
    }
}
