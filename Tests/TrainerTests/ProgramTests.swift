import Checkpoint
import Corpus
import Foundation
import Kernels
import Runs
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct ProgramTests {
    private static let flags = [
        "config", "train", "valid", "tokenizer", "vocab-size", "run-dir", "steps", "layers", "heads", "width", "context",
        "batch", "micro-batch", "lr", "min-lr", "warmup", "weight-decay", "clip", "dropout", "seed", "layer-shards",
        "threads", "eval-every", "checkpoint-every", "trace-every", "keep", "resume",
    ]

    @Test(arguments: [1, 2]) func helpIsPrintedOnce(ranks: Int) async throws {
        let outcome = try await mpirun(ranks: ranks, BuiltProduct.url(named: "drrl-train"), ["--steps", "3", "--help"])
        #expect(outcome.succeeded && outcome.errors == "", "\(outcome)")
        #expect(outcome.output.split(separator: "\n").count { $0.hasPrefix("USAGE:") } == 1, "\(outcome)")
        for flag in Self.flags { #expect(outcome.output.contains("--\(flag) <"), "--\(flag)") }
    }

    /// What stands at the start, at each step and at the end, in a file.
    @Test func plainLinesTellAPersonWhatGoesOn() async throws {
        let run = try SmallRun()
        let valid = run.scratch.path + "/valid.tokens"
        try EmbeddedCorpus(seed: 9, byteCount: 4_000).write(to: valid)
        let outcome = try await run.train(
            on: GridShape(1, 2), ["--steps", "4", "--valid", valid, "--eval-every", "2", "--checkpoint-every", "3"])
        #expect(outcome.succeeded && outcome.errors == "", "\(outcome)")
        let lines = outcome.output.split(separator: "\n").map(String.init)
        let patterns = [
            #"grid       1 replica × 2 stages, 1 thread a rank; \d+ usable cores?.*, 2 ranks on the node"#,
            #"tokenizer  .*/tokenizer: 512 entries learnt from .*articles\.tokens, [0-9a-f]{12}"#,
            #"           .*articles\.tokens: [\d,]+ tokens, [\d,]+ words"#,
            #"           .*valid\.tokens: [\d,]+ tokens, [\d,]+ words"#,
            #"model      GPT-2, [\d,]+ parameters: 4 layers, width 64, 2 heads, context 64, vocabulary 512"#,
            #"machine    SGEMM \d+ GFLOP/s over all ranks, OpenBLAS's \w+ kernels"#,
            #"run        .*: checkpoints, metrics\.jsonl, run\.yaml, tokenizer, tokens"#,
            #"step 1/4  loss \d\.\d{4}  +[\d,]+ tokens/s  +\d+% of SGEMM  ETA [\dhms ]+"#,
            #"valid      step 2: perplexity [\d.]+ a token, [\d.]+ a word; [\d.]+ bits a byte  "#
                + #"\[context and stride 64, tokenizer [0-9a-f]{12}\]"#,
            #"step 2/4  .*"#, #"step 3/4  .*"#, #"saved      .*/checkpoint-00000003\.h5"#, #"valid      step 4: .*"#,
            #"step 4/4  .*ETA 0s"#, #"saved      .*/checkpoint-00000004\.h5"#,
            #"done       4 steps in [\dhms ]+; loss \d\.\d{4} at step 1, \d\.\d{4} at step 4"#,
            #"learnt     held-out perplexity [\d.]+ a token, where guessing among 512 entries gives 512"#,
            #"report     drrl report .* shows all of it as one page"#,
        ]
        #expect(lines.count == patterns.count, "\(outcome)")
        for (line, pattern) in zip(lines, patterns) {
            #expect(try Regex(pattern).wholeMatch(in: line) != nil, "\(line) is not \(pattern)")
        }
        let metrics = try run.metrics()
        #expect(metrics.map { $0.valid_perplexity != nil } == [false, true, false, true])
        #expect(metrics.allSatisfy { $0.seconds > 0 && $0.tokens_per_second > 0 && $0.sgemm_share > 0 })
    }

    /// OpenBLAS falls back to Prescott's kernels where it does not know the CPU; a choice of the user's stands.
    @Test(.enabled(if: InstructionSet.widest != .baseline)) func productsRunOnKernelsAsWideAsTheCPU() async throws {
        let run = try SmallRun(), words = try run.words(["--steps", "1"])
        let outcome = try await bash("unset OPENBLAS_CORETYPE; exec \"$T\" \(words)", in: run.scratch.path)
        #expect(outcome.succeeded && outcome.errors == "" && outcome.output.contains("OpenBLAS's"), "\(outcome)")
        #expect(!outcome.output.contains("Prescott"), "\(outcome)")
        let chosen = try await bash(
            "OPENBLAS_CORETYPE=Nehalem exec \"$T\" \(words) --resume none", in: run.scratch.path)
        #expect(chosen.succeeded && chosen.output.contains("OpenBLAS's Nehalem kernels"), "\(chosen)")
    }

    /// Held-out text is measured alike by every grid, and a text without spaces has no word perplexity to speak of.
    @Test func evaluationDoesNotDependOnTheGrid() async throws {
        var reports: [[Double?]] = []
        for grid in [GridShape(1, 1), GridShape(3, 1), GridShape(1, 4)] {
            let run = try SmallRun()
            let valid = run.scratch.path + "/valid.tokens"
            try EmbeddedCorpus(seed: 9, byteCount: 4_000).write(to: valid)
            let outcome = try await run.train(on: grid, ["--steps", "1", "--valid", valid])
            #expect(outcome.succeeded, "\(outcome)")
            let line = try #require(run.metrics().last)
            reports.append([line.valid_perplexity, line.valid_word_perplexity, line.valid_bits_per_byte])
        }
        for report in reports.dropFirst() {
            for (a, b) in zip(reports[0], report) {
                let (a, b) = (try #require(a), try #require(b))
                #expect(abs(a - b) <= 1e-5 * a)
            }
        }
    }

    @Test func aTextOfOneLongWordIsEvaluated() async throws {
        let run = try SmallRun()
        let valid = try run.scratch.write(String(repeating: "0123456789", count: 400), to: "digits.txt")
        let outcome = try await run.train(on: GridShape(1, 1), ["--steps", "1", "--valid", valid])
        #expect(outcome.succeeded, "\(outcome)")
        let line = try #require(run.metrics().last)
        #expect(line.valid_perplexity != nil && line.valid_bits_per_byte != nil && line.valid_word_perplexity?.isNaN == true)
        #expect(try String(contentsOfFile: run.directory.metrics, encoding: .utf8).contains(#""valid_word_perplexity":null"#))
    }

    /// With no text given, one is generated, with its own held-out part.
    @Test func withoutATextOneIsGenerated() async throws {
        let scratch = try Scratch()
        let outcome = try await mpirun(
            ranks: 2, BuiltProduct.url(named: "drrl-train"),
            SmallRun.model + ["--steps", "1", "--threads", "1", "--vocab-size", "512", "--run-dir", scratch.path + "/run"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("generated articles") && outcome.output.contains("valid      step 1: "), "\(outcome)")
    }

    @Test func aLossThatIsNoNumberStopsTheRun() async throws {
        let grid = GridShape(2, 2)
        let run = try await ReferenceRuns.shared.run(on: grid).copy()
        let before = try [10, 20].map { try verifiedDatasets(run.checkpoint($0)) }
        let outcome = try await run.train(
            on: grid, ["--steps", "40", "--lr", "1e30", "--clip", "0", "--checkpoint-every", "0"])
        expectRefused(outcome, ["not finite", "nothing was updated", "lower --lr"], code: 1)
        let last = try #require(run.metrics().last?.step)
        #expect(last >= 20)
        let line = try #require(outcome.errors.split(separator: "\n").first { $0.hasPrefix("drrl-train: ") })
        let match = line.wholeMatch(of: /drrl-train: step (\d+): the (loss|gradient) on rank [0-3] is not finite.*/)
        #expect(match.map { Int($0.1) } == last + 1, "\(outcome)")
        #expect(try run.checkpointSteps() == [20, 10])
        #expect(try [10, 20].map { try verifiedDatasets(run.checkpoint($0)) } == before)
    }
}
