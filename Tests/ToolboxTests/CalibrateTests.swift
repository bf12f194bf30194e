import Corpus
import Foundation
import TestSupport
import Testing
import Toolbox

/// `drrl calibrate`, and what can be done with the checkpoint that it writes.
@Suite(.serialized) struct CalibrateTests {
    /// Context 64, segments of 16 tokens, and the text that is looked at.
    private struct Model {
        let scratch: Scratch
        let checkpoint, text: String

        /// GPT-2, trained a little; or of the Llama family, with random weights, as it was imported.
        init(rotary: Bool) async throws {
            scratch = try Scratch()
            if rotary {
                text = scratch.path + "/text.tokens"
                try EmbeddedCorpus(seed: 8, byteCount: 8_000).write(to: text)
                try RandomModel().write(to: scratch.path + "/model", text: Text(contentsOf: text))
                checkpoint = scratch.path + "/imported.h5"
                let outcome = try await run(
                    BuiltProduct.url(named: "drrl"), ["import", scratch.path + "/model", "--to", checkpoint],
                    environment: MPIRun.environment)
                #expect(outcome.succeeded, "\(outcome)")
            } else {
                let trained = try await TrainedModel.full()
                (checkpoint, text) = (trained.checkpoint, trained.text)
            }
        }

        func calibrate(_ options: [String] = [], ranks: Int = 1, to name: String = "calibrated.h5") async throws -> Outcome {
            let arguments = [
                "calibrate", "--checkpoint", checkpoint, "--text", text, "--to", scratch.path + "/" + name, "--threads", "1",
                "--segment", "16", "--exact-recent", "0", "--exact-first", "2", "--look-every", "2",
            ] + options
            return try await ranks == 1
                ? run(BuiltProduct.url(named: "drrl"), arguments, environment: MPIRun.environment)
                : mpirun(ranks: ranks, BuiltProduct.url(named: "drrl"), arguments)
        }

        func evaluate(_ options: [String], _ name: String = "calibrated.h5") async throws -> Outcome {
            try await run(
                BuiltProduct.url(named: "drrl"),
                ["evaluate", "--checkpoint", scratch.path + "/" + name, "--text", text, "--threads", "1", "--json"] + options,
                environment: MPIRun.environment)
        }
    }

    private static func object(_ outcome: Outcome) throws -> [String: Any] {
        #expect(outcome.succeeded, "\(outcome)")
        return try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    private static func nll(_ object: [String: Any]) throws -> Double { try #require(object["nll"] as? Double) }

    private static func share(_ object: [String: Any]) throws -> Double {
        try #require((object["flops"] as? [String: Any])?["score_value_share"] as? Double)
    }

    @Test(arguments: [false, true]) func levelsAreAllocatedWithinABudget(rotary: Bool) async throws {
        let model = try await Model(rotary: rotary)
        let report = try Self.object(await model.calibrate(["--windows", "6", "--json"]))
        let losses = try #require(report["losses"] as? [[Double]]), levels = try #require(report["levels"] as? [String])
        #expect(losses.allSatisfy { $0.count == levels.count && $0.allSatisfy { $0 >= 0 && $0.isFinite } })
        // Levels end at d:d, which loses nothing.
        #expect(losses.allSatisfy { abs($0[levels.count - 1]) < 1e-9 && ($0.max() ?? 0) > 1e-9 })
        let full = try Self.object(await model.evaluate(["--attention", "full"]))
        var last = 0.0
        for budget in [0.65, 0.8, 1.5] {
            let own = try Self.object(await model.evaluate(["--attention", "allocated", "--flops-budget", "\(budget)"]))
            // Folding is once a run, and no window's.
            let share = try Self.share(own)
            #expect(share <= budget + 0.1 && share > last, "\(budget)")
            last = share
            if budget > 1 { #expect(try abs(Self.nll(own) / Self.nll(full) - 1) < 1e-5) }
            // Forecasts are no part of scores and values, and count against the budget.
            if budget > 1 {
                let byToken = try Self.object(await model.evaluate(["--attention", "forecast", "--flops-budget", "\(budget)"]))
                #expect(try Self.share(byToken) <= budget + 0.1, "\(budget)")
                #expect(try Self.nll(byToken).isFinite)
            }
        }
        let fixed = try Self.object(await model.evaluate(["--attention", "fixed", "--level", "1:1"]))
        #expect(try Self.nll(fixed) != Self.nll(full))
        // Values' bases by loss are the calibration's; those by energy are others.
        func keeping(_ measure: String) async throws -> Double {
            try Self.nll(Self.object(await model.evaluate(
                ["--attention", "fixed", "--level", "8:1", "--value-basis", measure])))
        }
        let own = try Self.nll(Self.object(await model.evaluate(["--attention", "fixed", "--level", "8:1"])))
        #expect(try await keeping("loss") == own)
        #expect(try await keeping("energy") != own)
    }

    /// Ranks share the windows, and what they find is what one finds.
    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed")) func ranksFindTheSame() async throws {
        let model = try await Model(rotary: true)
        let options = ["--windows", "5", "--json", "--exact", "1:1", "--exact-windows", "3"]
        let alone = try Self.object(await model.calibrate(options))
        let together = try Self.object(await model.calibrate(options, ranks: 2, to: "together.h5"))
        func losses(_ report: [String: Any]) throws -> [Double] {
            try #require(report["losses"] as? [[Double]]).flatMap(\.self)
        }
        func measured(_ report: [String: Any]) throws -> [Double] {
            try #require((report["divergence"] as? [[String: Any]])?.first?["nats"] as? [Double])
        }
        for (own, other) in [try (losses(alone), losses(together)), try (measured(alone), measured(together))] {
            #expect(own.count == other.count && zip(own, other).allSatisfy { abs($0 - $1) <= 1e-3 * $1 + 1e-9 })
        }
        #expect(try measured(alone).allSatisfy { $0 > 0 })
        let levels = ["--attention", "allocated", "--flops-budget", "0.8"]
        let (a, b) = (try Self.object(await model.evaluate(levels)), try Self.object(await model.evaluate(levels, "together.h5")))
        #expect(try abs(Self.nll(a) / Self.nll(b) - 1) < 1e-5)
        let byToken = ["--attention", "forecast", "--flops-budget", "1.6"]
        let (c, d) = (try Self.object(await model.evaluate(byToken)), try Self.object(await model.evaluate(byToken, "together.h5")))
        #expect(try abs(Self.nll(c) / Self.nll(d) - 1) < 1e-3)
    }

    @Test func budgetsAreRowsOfAComparison() async throws {
        let model = try await Model(rotary: true)
        #expect(try await model.calibrate(["--windows", "4"]).succeeded)
        let compared = try await run(
            BuiltProduct.url(named: "drrl"),
            ["compare", "--checkpoint", model.scratch.path + "/calibrated.h5", "--text", model.text, "--threads", "1",
             "--windows", "3", "--repeats", "1", "--strategies", "full", "--budgets", "0.8,1.5"],
            environment: MPIRun.environment)
        #expect(compared.succeeded, "\(compared)")
        for row in ["forecast within 1.5", "allocated within 0.8", "fixed within 0.8", "energy within 0.8", "allocated within 1.5"] {
            #expect(compared.output.contains(row), "\(row)")
        }
    }

    /// Ceilings lose less than what they are held against, by what they chose and by what came of it.
    @Test func budgetsHaveCeilings() async throws {
        let model = try await Model(rotary: true)
        #expect(try await model.calibrate(["--windows", "4"]).succeeded)
        func compare(_ options: [String], ranks: Int? = nil) async throws -> Outcome {
            try await drrl(
                ["compare", "--checkpoint", model.scratch.path + "/calibrated.h5", "--text", model.text, "--threads", "1",
                 "--windows", "3", "--repeats", "1", "--strategies", "full,random"] + options, ranks: ranks)
        }
        func ceilings(_ options: [String], ranks: Int? = nil) async throws -> Comparison.Ceilings {
            let outcome = try await compare(options + ["--json"], ranks: ranks)
            #expect(outcome.succeeded, "\(outcome)")
            let table = try JSONDecoder().decode(Comparison.self, from: Data(outcome.output.utf8)).contexts.first
            return try #require(table?.ceilings)
        }
        // What is within a budget of so small a model goes to folding, which no level is charged for.
        let options = ["--budgets", "0.8,1.2", "--oracle-windows", "2"], found = try await ceilings(options)
        #expect(found.windows == 2 && found.levels.count <= 8 && found.predicted_tokens == 128)
        func row(_ name: String, _ all: Comparison.Ceilings = found) throws -> Comparison.Ceilings.Row {
            try #require(all.rows.first { $0.names.contains(name) }, "no row \(name)")
        }
        let full = try row("full")
        #expect(full.divergence == 0 && full.perplexity_ratio.value == 1 && !full.is_ceiling)
        for budget in ["0.8", "1.2"] {
            let token = try row("token oracle within \(budget)"), segment = try row("segment oracle within \(budget)")
            let allocated = try row("allocated within \(budget)")
            #expect(token.is_ceiling && segment.is_ceiling && !allocated.is_ceiling)
            let sums = try [token, segment, allocated].map { try #require($0.divergence) }
            #expect(sums[0] <= sums[1] && sums[1] <= sums[2], "\(sums)")
            #expect(token.flops.scores + token.flops.values <= allocated.flops.scores + allocated.flops.values + 1e-3 * full.flops.total)
        }
        #expect(try #require(row("token oracle within 0.8").divergence) < #require(row("allocated within 0.8").divergence))
        if MPIRun.isInstalled {
            let both = try await ceilings(options, ranks: 2)
            for own in found.rows {
                let other = try row(own.names[0], both)
                #expect(relativeDifference(other.nll, own.nll) < 1e-6 && other.names == own.names)
            }
        }
        let table = try await compare(["--budgets", "0.8", "--oracle-levels", "3:3,6:6"])
        #expect(table.output.contains("token oracle within 0.8 (ceiling)") && table.output.contains("levels 3:3,6:6 and full"))
        #expect(!(try await compare(["--budgets", "0.8"])).output.contains("ceiling"))
        for (options, words) in [
            (["--oracle-windows", "1"], "--budgets"), (["--budgets", "0.8", "--oracle-levels", "3:99"], "--oracle-levels 3:99"),
            (["--budgets", "1.8", "--oracle-windows", "1", "--exact-recent", "off"], "far keys"),
        ] {
            let refused = try await compare(options)
            #expect(refused.status == 2 && refused.errors.contains(words), "\(refused)")
            #expect(refused.errors.split(separator: "\n").count == 1, "\(refused)")
        }
    }

    @Test func badInputIsOneLine() async throws {
        let model = try await Model(rotary: true)
        #expect(try await model.calibrate(["--windows", "2"]).succeeded)
        func refused(_ outcome: Outcome, _ words: String) {
            #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome)")
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
        refused(try await model.calibrate(["--windows", "0"], to: "none.h5"), "--windows is 0")
        refused(try await model.calibrate(["--levels", "4:4,99:1"], to: "none.h5"), "--levels")
        refused(try await model.calibrate(["--levels", "4:4,4:4"], to: "none.h5"), "given twice")
        refused(try await model.calibrate(["--exact", "5:5"], to: "none.h5"), "not among the levels")
        refused(try await model.calibrate(["--context", "9999"], to: "none.h5"), "--context is 9999")
        refused(try await model.calibrate(to: "imported.h5"), "would overwrite")
        refused(try await model.calibrate(to: "nowhere/none.h5"), "nowhere")
        #expect(!FileManager.default.fileExists(atPath: model.scratch.path + "/none.h5"))
        refused(try await model.evaluate(["--attention", "allocated", "--flops-budget", "0.01"]), "cannot be kept")
        refused(try await model.evaluate(["--attention", "allocated", "--flops-budget", "-1"]), "--flops-budget")
        refused(try await model.evaluate(["--attention", "allocated", "--exact-recent", "off"]), "far keys")
        refused(try await model.evaluate(["--attention", "allocated"], "imported.h5"), "bases")
        let trained = try await TrainedModel.full()
        refused(
            try await run(
                BuiltProduct.url(named: "drrl"),
                ["evaluate", "--checkpoint", trained.checkpoint, "--text", trained.text, "--attention", "energy",
                 "--value-basis", "loss"],
                environment: MPIRun.environment),
            "drrl calibrate")
        refused(try await model.evaluate(["--attention", "fixed", "--level", "1:1", "--exact-recent", "few"]), "--exact-recent few")
        refused(try await model.evaluate(["--attention", "full", "--exact-recent", "1"]), "below full rank")
    }
}
