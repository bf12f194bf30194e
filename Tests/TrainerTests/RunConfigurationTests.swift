import CommandLine
import Foundation
import Model
import Options
import Testing
import Trainer

@Suite struct RunConfigurationTests {
    @Test func defaults() throws {
        let run = try RunConfiguration(arguments: [])
        #expect(run.train == nil && run.valid == nil && run.tokenizer == nil)
        #expect(run.vocabularySize == 4096)
        #expect(run.layers == 4 && run.heads == 4 && run.width == 256 && run.context == 256 && run.dropout == 0)
        #expect(run.steps == 400 && run.batch == 8 && run.microBatch == nil)
        #expect(run.learningRate == LearningRate(peak: 1e-3, floor: 1e-3 / 10, warmup: 20, steps: 400))
        #expect(run.weightDecay == 0.1 && run.clip == 1 && run.seed == 1)
        #expect(run.layerShards == 1 && run.threads == nil)
        #expect(run.runDirectory == "runs/drrl")
        #expect(run.evalEvery == 100 && run.checkpointEvery == 100 && run.traceEvery == 1 && run.keep == 3)
        #expect(run.resume == .auto)
    }

    @Test func whatFollowsFromOtherOptions() throws {
        let run = try RunConfiguration(arguments: ["--steps", "60", "--lr", "0.5"])
        #expect(run.learningRate == LearningRate(peak: 0.5, floor: 0.05, warmup: 3, steps: 60))
        #expect(try RunConfiguration(arguments: ["--steps", "5"]).learningRate.warmup == 1)
        #expect(run.training(replicas: 3).microBatch == 3, "a replica's largest share")
        let staged = try RunConfiguration(arguments: ["--layer-shards", "2"])
        #expect(staged.training(replicas: 3).microBatch == 1)
        let asked = try RunConfiguration(arguments: ["--layer-shards", "2", "--micro-batch", "2"])
        #expect(asked.training(replicas: 3).microBatch == 2)
    }

    @Test func resumeIsAutoNoneOrAPath() throws {
        #expect(try RunConfiguration(arguments: ["--resume", "none"]).resume == .none)
        #expect(try RunConfiguration(arguments: ["--resume", "auto"]).resume == .auto)
        #expect(try RunConfiguration(arguments: ["--resume", "a/b.h5"]).resume == .path("a/b.h5"))
    }

    @Test(arguments: [
        (["--steps", "0"], "--steps is 0; it must be at least 1"),
        (["--batch", "0"], "--batch is 0; it must be at least 1"),
        (["--micro-batch", "0"], "--micro-batch is 0; it must be at least 1"),
        (["--warmup=-1"], "--warmup is -1; it must be at least 0"),
        (["--layer-shards", "0"], "--layer-shards is 0; it must be at least 1"),
        (["--threads", "0"], "--threads is 0; it must be at least 1"),
        (["--eval-every=-1"], "--eval-every is -1; it must be at least 0"),
        (["--checkpoint-every=-5"], "--checkpoint-every is -5; it must be at least 0"),
        (["--trace-every=-1"], "--trace-every is -1; it must be at least 0"),
        (["--keep", "0"], "--keep is 0; it must be at least 1"),
        (["--steps", "1000000001"], "--steps is 1000000001; it must be at most 1000000000"),
        (["--batch", "\(Int.max)"], "--batch is \(Int.max); it must be at most 1048576"),
        (["--micro-batch", "\(Int.max)"], "--micro-batch is \(Int.max); it must be at most 1048576"),
        (["--layer-shards", "\(Int.max)"], "--layer-shards is \(Int.max); it must be at most 4096"),
        (["--threads", "\(Int.max)"], "--threads is \(Int.max); it must be at most 1024"),
        (["--lr", "0"], "--lr is 0.0; it must be above 0"),
        (["--lr=-1"], "--lr is -1.0; it must be above 0"),
        (["--lr", "nan"], "--lr is nan; it must be above 0"),
        (["--lr", "inf"], "--lr is inf; it must be above 0"),
        (["--lr", "-1"], "--lr is -1.0; it must be above 0"), (["--steps", "-3"], "--steps is -3; it must be at least 1"),
        (["--vocab-size", "0"], "--vocab-size is 0; a vocabulary that is learnt has 257 to 1048576 entries"),
        (["--segment", "3", "--context", "16"], "--segment 3 does not divide --context 16; segments that do: 1, 2, 4, 8, 16"),
        (["--schedule-steps", "0"], "--schedule-steps is 0; it must be at least 1"),
        (["--eval-tokens", "1"], "--eval-tokens is 1; it must be at least 2"),
        (
            ["--attention", "fixed", "--rank", "4", "--levels", "1:2"],
            "--levels, --rank-min, --rank-max and --rank-step list what a strategy chooses from; --attention fixed runs at "
                + "one: use --level or --rank"
        ),
        (["--min-lr", "0.01"], "--min-lr is 0.01; it must lie between 0 and --lr 0.001"),
        (["--min-lr=-1"], "--min-lr is -1.0; it must lie between 0 and --lr 0.001"),
        (["--min-lr", "nan"], "--min-lr is nan; it must lie between 0 and --lr 0.001"),
        (["--steps", "10", "--warmup", "11"], "--warmup 11 is longer than --steps 10"),
        (["--weight-decay=-0.5"], "--weight-decay is -0.5; it must be at least 0"),
        (["--weight-decay", "inf"], "--weight-decay is inf; it must be at least 0"),
        (["--clip", "nan"], "--clip is nan; it must be at least 0"),
        (["--run-dir", ""], "--run-dir is empty"),
        (["--valid", "v.txt"], "--valid needs --train: the generated corpus has its own held-out text"),
        (
            ["--tokenizer", "t", "--vocab-size", "300"],
            "--tokenizer and --vocab-size exclude each other: a given tokenizer has its own size"
        ),
        (["--layers", "0"], "layers is 0; it must lie between 1 and 4096"),
        (["--heads", "0"], "heads is 0; it must lie between 1 and 4096"),
        (["--width", "0"], "width is 0; it must lie between 1 and 65536"),
        (["--context", "0"], "context is 0; it must lie between 1 and 1048576"),
        (["--width", "10", "--heads", "3"], "3 heads do not divide width 10; heads that do: 1, 2, 5, 10"),
        (["--dropout", "1"], "dropout is 1.0; it must be at least 0 and below 1"),
        (["--dropout=-0.1"], "dropout is -0.1; it must be at least 0 and below 1"),
        (["--dropout", "nan"], "dropout is nan; it must be at least 0 and below 1"),
    ])
    func aValueThatCannotBeIsNamed(arguments: [String], message: String) {
        let error = #expect(throws: ConfigurationError.self) { try RunConfiguration(arguments: arguments) }
        #expect(error.map { asFlags($0.description) } == message)
    }

    @Test(arguments: [["--stepz", "3"], ["--steps", "many"], ["--steps"], ["--lr", "fast"], ["--seed=-1"], ["extra"]])
    func aCommandLineThatCannotBeReadIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) { try RunConfiguration(arguments: arguments) }
    }
}
