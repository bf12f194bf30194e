import Checkpoint
import Foundation
import Runs
import TestSupport
import Testing

/// The trace of levels that a run's checkpoints hold: 4 layers, 4 segments of 16 tokens, heads of width 32.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct RankTraceTrainingTests {
    private static let alone = GridShape(1, 1)
    private static let layers = 4, segments = 4

    /// A checkpoint's trace, read back by name.
    private struct Trace {
        let steps: [Int64]
        /// rank, reward, perturbation, logprob and epsilon.
        var floats: [String: [Float]] = [:]
        let flops: [Double]

        init(_ path: String, rows: Int) throws {
            let reader = try CheckpointReader(path: path)
            let cells = [rows, layers, segments]
            func floats(_ name: String, _ shape: [Int]) throws -> [Float] {
                try reader.read(CheckpointLayout.trace(name), shape: shape, of: Float.self).array
            }
            steps = try reader.read(CheckpointLayout.trace("step"), shape: [rows], of: Int64.self).array
            flops = try reader.read(CheckpointLayout.trace("flops"), shape: cells, of: Double.self).array
            for name in ["reward", "perturbation", "logprob"] { self.floats[name] = try floats(name, cells) }
            self.floats["rank"] = try floats("rank", cells + [2])
            self.floats["epsilon"] = try floats("epsilon", [rows])
        }

        subscript(name: String) -> [Float] { floats[name] ?? [] }
    }

    private static func isTrace(_ name: String) -> Bool { name.hasPrefix("/traces/") }

    /// What `--level` says for each layer is what the trace holds, from the first step with bases on.
    @Test func ranksAreThoseThatRan() async throws {
        let run = try SmallRun(), levels = [(2, 8), (4, 8), (4, 16), (8, 32)]
        let text = levels.map { "\($0.0):\($0.1)" }.joined(separator: ",")
        let outcome = try await run.train(
            on: GridShape(2, 2), ["--steps", "3", "--attention", "fixed", "--level", text, "--segment", "16"])
        #expect(outcome.succeeded, "\(outcome)")
        let trace = try Trace(run.checkpoint(3), rows: 3), metrics = try run.metrics()
        #expect(trace.steps == [1, 2, 3])
        let row = levels.flatMap { level in
            (0..<Self.segments).flatMap { _ in [Float(level.0), Float(level.1)] }
        }
        #expect(trace["rank"] == Array(repeating: 32, count: row.count) + row + row)
        let size = Self.layers * Self.segments
        #expect(trace["perturbation"][..<size].allSatisfy { $0.isNaN })
        #expect(trace["perturbation"][size...].allSatisfy { $0 > 0 && $0 < 1 })
        #expect(trace["reward"].allSatisfy { $0.isNaN } && trace["logprob"].allSatisfy { $0.isNaN })
        #expect(trace["epsilon"].allSatisfy { $0.isNaN })
        #expect(trace.flops[..<size].allSatisfy { $0.isNaN })
        // Forward and backward, projections are thrice, scores four times and values thrice the forward pass.
        for (i, line) in metrics.enumerated() where i > 0 {
            let forward = 8 * trace.flops[(i * size)..<((i + 1) * size)].reduce(0, +)
            let all = try #require(line.attention_flops) - #require(line.upkeep_flops)
            #expect(all > 3 * forward && all < 4 * forward)
        }
    }

    /// Means over layers and segments are those of `metrics.jsonl`, and no row is missing.
    @Test func meansAreThoseOfTheMetrics() async throws {
        let run = try await LowRankRuns.shared.run(.random, on: Self.alone)
        let trace = try Trace(run.checkpoint(12), rows: 12), size = Self.layers * Self.segments
        #expect(trace.steps == Array(1...12))
        for (i, line) in try run.metrics().enumerated() {
            let row = trace["rank"][(2 * i * size)..<(2 * (i + 1) * size)]
            func mean(_ part: Int) -> Double {
                stride(from: part, to: row.count, by: 2).reduce(0) { $0 + Double(row[row.startIndex + $1]) } / Double(size)
            }
            #expect(try abs(mean(0) - #require(line.score_rank)) < 1e-9)
            #expect(try abs(mean(1) - #require(line.value_rank)) < 1e-9)
        }
        #expect(Set(trace["rank"]).count > 20, "levels differ by layer, segment and step")
    }

    /// The levels drawn are the same on every grid, to the last bit; what the spectra say differs by rounding.
    @Test(arguments: [GridShape(2, 2), GridShape(3, 1)])
    func everyGridTracesTheSame(grid: GridShape) async throws {
        let expected = try Trace(await LowRankRuns.shared.run(.random, on: Self.alone).checkpoint(12), rows: 12)
        let trace = try Trace(await LowRankRuns.shared.run(.random, on: grid).checkpoint(12), rows: 12)
        #expect(trace.steps == expected.steps && trace["rank"] == expected["rank"])
        let size = Self.layers * Self.segments
        #expect(trace.flops[size...] == expected.flops[size...])
        let difference = zip(trace["perturbation"], expected["perturbation"]).dropFirst(size).map { abs($0 - $1) }.max() ?? 1
        print("perturbations on \(grid.testDescription) differ by \(difference) at most from those of one rank")
        #expect(difference < 1e-4)
    }

    /// What the policy drew and what it got, as in `metrics.jsonl`; of warm-start steps there is no probability.
    @Test func aPolicyLeavesRewardsProbabilitiesAndTolerances() async throws {
        let options = [
            "--steps", "6", "--attention", "policy", "--segment", "16", "--levels", "2:8,4:8,8:32", "--warm-start", "2",
            "--epsilon", "0.9",
        ]
        let runs = [try SmallRun(), try SmallRun(), try SmallRun()]
        for (run, grid) in zip(runs, [Self.alone, GridShape(2, 2)]) {
            let outcome = try await run.train(on: grid, options + ["--checkpoint-every", "3"])
            #expect(outcome.succeeded, "\(outcome)")
        }
        let outcome = try await runs[2].train(on: GridShape(2, 2), options + ["--resume", runs[1].checkpoint(3)])
        #expect(outcome.succeeded, "\(outcome)")
        let traces = try runs.map { try Trace($0.checkpoint(6), rows: 6) }
        let size = Self.layers * Self.segments
        for name in ["rank", "reward", "perturbation", "logprob", "epsilon"] {
            #expect(traces[1][name].map(\.bitPattern) == traces[2][name].map(\.bitPattern), "\(name), 3 + 3 steps")
            let pairs = zip(traces[0][name], traces[1][name]).filter { !$0.isNaN || !$1.isNaN }
            #expect(pairs.allSatisfy { abs($0 - $1) < 1e-3 }, "\(name), 1×1 against 2×2")
        }
        for (i, line) in try runs[0].metrics().enumerated() {
            let cells = (i * size)..<((i + 1) * size), trace = traces[0]
            let epsilon = try #require(line.epsilon)
            #expect(trace["epsilon"][i] == Float(epsilon))
            let rewards = trace["reward"][cells], chances = trace["logprob"][cells]
            // The first step runs in full; the next two imitate the energy rule.
            if i == 0 {
                #expect(rewards.allSatisfy { $0.isNaN })
            } else {
                let reward = rewards.reduce(0) { $0 + Double($1) } / Double(size)
                #expect(try abs(reward - #require(line.reward)) < 1e-6)
            }
            if i <= 2 {
                #expect(chances.allSatisfy { $0.isNaN })
            } else {
                #expect(chances.allSatisfy { $0 <= 0 && $0 > -10 } && Set(chances).count > 1)
            }
        }
    }

    /// On the same grid the very bytes, as `LowRankTrainingTests` compares all datasets; here another grid goes on.
    @Test func anotherGridGoesOnWithoutASeam() async throws {
        let whole = try await LowRankRuns.shared.run(.random, on: Self.alone), rest = try SmallRun()
        let outcome = try await rest.train(
            on: GridShape(2, 2), LowRankRuns.options() + LowRankStrategy.random.options + ["--resume", whole.checkpoint(6)])
        #expect(outcome.succeeded && !outcome.output.contains("trace"), "\(outcome)")
        let (expected, trace) = (try Trace(whole.checkpoint(12), rows: 12), try Trace(rest.checkpoint(12), rows: 12))
        #expect(trace.steps == Array(1...12) && trace["rank"] == expected["rank"])
        let half = 6 * Self.layers * Self.segments
        #expect(trace["perturbation"][..<half].map(\.bitPattern) == expected["perturbation"][..<half].map(\.bitPattern))
        #expect(zip(trace["perturbation"][half...], expected["perturbation"][half...]).allSatisfy { abs($0 - $1) < 1e-4 })
        let first = try Trace(whole.checkpoint(6), rows: 6)
        #expect(first["rank"][...] == expected["rank"][..<(2 * half)])
    }

    @Test func rowsAreAsRareAsAsked() async throws {
        let whole = try await LowRankRuns.shared.run(.random, on: Self.alone), run = try SmallRun()
        let options = try LowRankRuns.options() + LowRankStrategy.random.options
        let outcome = try await run.train(
            on: Self.alone, options + ["--trace-every", "5", "--resume", whole.checkpoint(6)])
        #expect(outcome.succeeded, "\(outcome)")
        let (trace, expected) = (try Trace(run.checkpoint(12), rows: 7), try Trace(whole.checkpoint(12), rows: 12))
        #expect(trace.steps == [1, 2, 3, 4, 5, 6, 10])
        let size = 2 * Self.layers * Self.segments
        #expect(trace["rank"][(6 * size)...] == expected["rank"][(9 * size)..<(10 * size)])
        let none = try SmallRun()
        let without = ["--steps", "2", "--trace-every", "0"] + LowRankStrategy.random.options
        #expect(try await none.train(on: Self.alone, without).succeeded)
        #expect(try verifiedDatasets(none.checkpoint(2)).keys.count { Self.isTrace($0) } == 0)
    }

    /// A full run has no trace, and a run that goes on from it begins one.
    @Test func fullAttentionHasNoTrace() async throws {
        let full = try await LowRankRuns.shared.run(.full, on: Self.alone), run = try SmallRun()
        #expect(try verifiedDatasets(full.checkpoint(12)).keys.count { Self.isTrace($0) } == 0)
        let outcome = try await run.train(
            on: Self.alone, ["--steps", "8", "--resume", full.checkpoint(6)] + LowRankStrategy.fixed.options)
        #expect(outcome.succeeded && !outcome.output.contains("trace"), "\(outcome)")
        let trace = try Trace(run.checkpoint(8), rows: 2)
        #expect(trace.steps == [7, 8] && Set(trace["rank"]) == [4, 8])
    }

    @Test func anotherSegmentBeginsAnotherTrace() async throws {
        let whole = try await LowRankRuns.shared.run(.fixed, on: Self.alone), run = try SmallRun()
        let outcome = try await run.train(
            on: Self.alone,
            ["--steps", "8", "--resume", whole.checkpoint(6), "--attention", "fixed", "--level", "4:8", "--segment", "32"])
        #expect(outcome.succeeded, "\(outcome)")
        let note = "note: its trace has 4 segments a sequence and this run 2; the trace begins anew"
        #expect(outcome.output.contains(note), "\(outcome)")
        let reader = try CheckpointReader(path: run.checkpoint(8))
        #expect(try reader.read("/traces/step", shape: [2], of: Int64.self).array == [7, 8])
        #expect(try reader.read("/traces/flops", shape: [2, 4, 2], of: Double.self).array.allSatisfy { $0 > 0 })
    }

    @Test func axesAndUnitsAreWithTheValues() async throws {
        let run = try await LowRankRuns.shared.run(.random, on: Self.alone)
        let datasets = try verifiedDatasets(run.checkpoint(12)).filter { Self.isTrace($0.key) }
        let cells = ["step", "layer", "segment"]
        #expect(datasets.mapValues(\.axes) == [
            "/traces/step": ["step"], "/traces/epsilon": ["step"], "/traces/rank": cells + ["score value"],
            "/traces/reward": cells, "/traces/perturbation": cells, "/traces/flops": cells, "/traces/logprob": cells,
        ])
        #expect(datasets["/traces/flops"]?.units == "FLOP" && datasets["/traces/logprob"]?.units == "nat")
        #expect(datasets.values.count { $0.units == "1" } == 5 && datasets.values.allSatisfy { $0.isExtendible })
    }

    /// The second example of docs/checkpoint.md, as it stands there.
    @Test(.enabled(if: Python.withH5py != nil, "needs Python with h5py")) func h5pyReadsIt() async throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/checkpoint.md")
        let parts = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```")
        let example = try #require(parts.last { $0.hasPrefix("python\n") }).dropFirst("python\n".count)
        let path = try await LowRankRuns.shared.run(.fixed, on: Self.alone).checkpoint(12)
        let outcome = try await TestSupport.run(try #require(Python.withH5py), ["-c", String(example), path])
        #expect(outcome.succeeded, "\(outcome)")
        let axes = "['step', 'layer', 'segment', 'score value'] in 1, 12 rows from step 1 to 12"
        #expect(outcome.output.contains(axes), "\(outcome)")
        // The first of twelve steps runs in full.
        let mean = { (full: Double, low: Double) in String(format: "%.2f", (full + 11 * low) / 12) }
        for layer in 0..<Self.layers {
            let line = "layer \(layer): score rank \(mean(32, 4)), value rank \(mean(32, 8))\n"
            #expect(outcome.output.contains(line), "\(outcome)")
        }
        #expect(outcome.output.contains("grows: True"), "\(outcome)")
    }
}
