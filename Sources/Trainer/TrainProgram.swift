import Communicator
import Corpus
import Kernels
import Transformer
import Worker

/// `drrl-train` from start to end on one rank.
public enum TrainProgram {
    private static let program = CommandLineProgram(name: "drrl-train")

    /// Runs with the process's arguments and returns its exit code; a failure that other ranks do not know of ends the
    /// whole job at once instead.
    public static func main(_ arguments: [String]) -> Int32 {
        // Before MPI starts: SIGUSR1's default action kills.
        program.run(prepare: { try StopSignal.install() }) { session in
            let isRoot = session.world.rank == 0
            if let run = try agreed(on: session.world, { try parse(arguments, isRoot: isRoot) }) { try train(run, session) }
        }
    }

    /// Nil once help was asked for and shown. Throws `ConfigurationError` for a mistake.
    private static func parse(_ arguments: [String], isRoot: Bool) throws(ConfigurationError) -> RunConfiguration? {
        do {
            return try RunConfiguration(arguments: arguments)
        } catch {
            try program.settle(error, of: TrainOptions.self, help: "drrl-train --help", isRoot: isRoot)
            return nil
        }
    }

    /// Collective. Throws `AgreedError`, `NonFiniteError` and `MPIError`.
    private static func train(_ run: RunConfiguration, _ session: borrowing MPISession) throws {
        let isRoot = session.world.rank == 0
        let progress = isRoot ? Progress(steps: run.steps) : nil
        let say: (String) -> Void = { progress?.say($0) }
        let directory = RunDirectory(run.runDirectory)
        let topology = try agreed(on: session.world) {
            try Topology(rank: session.world.rank, worldSize: session.world.size, stages: run.layerShards)
        }
        var lock: RunLock?
        try agreed(on: session.world) {
            // Whether shapes and grid fit is known before any text is read.
            _ = try StagePlacement.split(run.model(vocabularySize: run.vocabularySize), stages: run.layerShards)
            guard isRoot else { return }
            try directory.create()
            lock = try RunLock(directory)
        }
        let count = try ThreadCount(asked: run.threads, world: session.world)
        say("grid       \(topology.replicas) replica\(topology.replicas == 1 ? "" : "s") × \(topology.stages) "
            + "stage\(topology.stages == 1 ? "" : "s"), \(count.threads) thread\(count.threads == 1 ? "" : "s") a rank; "
            + count.explanation)

        let corpus = try PreparedCorpus.prepare(run, directory, world: session.world, say: say)
        let team = Team(threads: count.threads, precision: run.precision)
        let grid = try Grid(topology, world: session.world)
        let worker = try grid.agree {
            let model = try run.model(vocabularySize: corpus.tokenizer.vocabularySize)
            try MemoryEstimate(model, run.training(replicas: topology.replicas), topology).requireFit(ranks: count.neighbours)
            return try Worker(
                grid: grid, configuration: model, options: run.training(replicas: topology.replicas), ranks: run.ranks,
                source: BatchSource(shard: corpus.train, context: run.context, seed: run.seed), team: team,
                traceEvery: run.traceEvery)
        }
        let rate = try sgemmRate(team, grid)
        let model = worker.configuration
        say("model      \(grouped(Double(model.parameterCount))) parameters: \(model.layers) layers, width \(model.width), "
            + "\(model.heads) heads, context \(model.context), vocabulary \(grouped(Double(model.vocabularySize)))")
        if let summary = run.ranks.summary { say("attention  \(summary)") }
        say("machine    SGEMM \(fixed(rate / 1e9, 0)) GFLOP/s over all ranks, OpenBLAS's \(openBLASCore) kernels")
        if run.precision == .bf16 {
            say("precision  bf16 products of linear maps, by "
                + (Precision.hasNativeBF16 ? "AVX-512 BF16" : "float32 products of rounded values: this CPU has no AVX-512 BF16"))
        }
        say("run        \(run.runDirectory): checkpoints, metrics.jsonl, run.yaml, tokenizer, tokens")

        try resume(run, directory, worker, corpus, say)
        var metrics: MetricsFile?
        try grid.agree {
            guard isRoot else { return }
            try directory.write(run.yaml, to: directory.configuration)
            metrics = try MetricsFile(directory, after: worker.step)
        }
        try TrainingLoop(worker: worker, run: run, corpus: corpus, sgemmRate: rate, progress: progress)
            .train(into: metrics)
        _ = consume lock
    }

    /// Collective: takes up the checkpoint that `--resume` names, and sets aside what lies after it.
    private static func resume(
        _ run: RunConfiguration, _ directory: RunDirectory, _ worker: Worker, _ corpus: PreparedCorpus,
        _ say: (String) -> Void
    ) throws {
        let grid = worker.grid
        let isRoot = grid.topology.rank == 0
        let found = try grid.agree { isRoot ? try run.checkpointToResume(in: directory, say: say) ?? "" : "" }
        let path = try grid.world.broadcast(found, root: 0)
        if !path.isEmpty {
            let restored = try worker.restore(
                from: path, tokenizerHash: corpus.tokenizer.hash, startsPolicy: run.startsPolicy)
            say("resume     step \(worker.step) from \(path)")
            if let saved = restored?.corpus, saved.sourceHash != corpus.train.sidecar.sourceHash {
                say("resume     note: that run read another text, \(saved.path)")
            }
            if let saved = restored?.precision, saved != run.precision {
                say("resume     note: that run multiplied in \(saved.rawValue), this one in \(run.precision.rawValue)")
            }
            if let note = restored?.traceNote { say("resume     note: \(note)") }
        }
        try grid.agree {
            if isRoot, let aside = try directory.setAside(after: worker.step) {
                say("resume     moved what was there to \(aside)")
            }
        }
    }

    /// Collective: the SGEMM rate of all ranks at once, in FLOP/s.
    private static func sgemmRate(_ team: Team, _ grid: Grid) throws -> Double {
        try grid.world.barrier()
        return try grid.world.allreduce(team.measureSGEMM(now: monotonicSeconds), .sum)
    }
}
