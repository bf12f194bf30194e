import Checkpoint
import CommandLine
import Communicator
import Corpus
import Kernels
import LowRank
import Model
import Options
import Runs
import Worker

/// `drrl-train` from start to end on one rank.
public enum TrainProgram {
    private static let program = CommandLineProgram(name: "drrl-train")

    /// Runs with the process's arguments and returns its exit code; a failure that other ranks do not know of ends the
    /// whole job at once instead.
    public static func main() -> Int32 {
        // Before MPI starts: the signals' default action kills.
        program.run(prepare: { try StopSignal.install() }) { session in
            let isRoot = session.world.rank == 0
            // A pipe can be read once, and is rank 0's.
            let pipe = try agreed(on: session.world) { isRoot ? try ConfigurationFile.pipe(in: Arguments.ofProcess()) : nil }
            let isPipe = try session.world.broadcast(UInt8(pipe == nil ? 0 : 1), root: 0) == 1
            let text = try session.world.broadcast(pipe ?? [], root: 0)
            guard
                let options = try agreed(on: session.world, { try parse(pipe: isPipe ? text : nil, isRoot: isRoot) })
            else { return 0 }
            let path = try agreed(on: session.world) { try RunConfiguration.initialModel(of: options) ?? "" }
            try SameOnAllRanks.require([("init", path)], on: session.world)
            let initial = try InitialModel(path: path, world: session.world)
            let shape = initial.configuration, calibration = initial.calibration
            let run = try agreed(on: session.world) {
                try RunConfiguration(options, initialShape: shape, calibration: calibration)
            }
            try SameOnAllRanks.require(run.shared, on: session.world)
            return try train(run, from: initial, session)?.exitCode ?? 0
        }
    }

    /// Nil once help was asked for and shown.
    ///
    /// - Throws: a `UserError` for a mistake.
    private static func parse(pipe: [UInt8]?, isRoot: Bool) throws -> TrainOptions? {
        do {
            return try RunConfiguration.options(Arguments.ofProcess(), pipe: pipe)
        } catch {
            try program.settle(error, of: TrainOptions.self, help: "drrl-train --help", isRoot: isRoot)
            return nil
        }
    }

    /// Collective: the whole run.
    ///
    /// - Parameter initial: the model that it starts from.
    /// - Returns: the signal that stopped it, if one did.
    /// - Throws: `AgreedError`, `DivergedError` and `MPIError`.
    private static func train(
        _ run: RunConfiguration, from initial: borrowing InitialModel, _ session: borrowing MPISession
    ) throws -> StopSignal? {
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
            let model = try run.model(vocabularySize: run.vocabularySize)
            _ = try StagePlacement.split(model, stages: run.layerShards)
            try run.ranks.check(model)
            guard isRoot else { return }
            try directory.create()
            lock = try RunLock(directory)
            try CheckpointDirectory(directory.path).removeLeftovers()
        }
        let count = try ThreadCount(asked: run.threads, world: session.world)
        say("grid       \(topology.replicas) replica\(topology.replicas == 1 ? "" : "s") × \(topology.stages) "
            + "stage\(topology.stages == 1 ? "" : "s"), \(count.threads) thread\(count.threads == 1 ? "" : "s") a rank; "
            + count.explanation)
        if let warning = count.warning { say("grid       note: \(warning)") }

        // Until the run is known to start, what it makes stands beside what is there.
        let staged = StagedFiles()
        let point = try ResumePoint(run, in: directory, world: session.world, say: say)
        let calibration = point.checkpoint == nil ? initial.calibration : point.calibration
        try agreed(on: session.world) {
            let model = try run.model(vocabularySize: run.vocabularySize)
            try calibration?.check(run)
            try run.ranks.strategy?.check(calibration?.losses, model, run.ranks, length: model.context)
        }
        let corpus = try PreparedCorpus.prepare(
            run, directory, saved: point.tokenizer ?? initial.tokenizer, staged: staged, world: session.world, say: say)
        let model = try agreed(on: session.world) {
            let model = try run.model(vocabularySize: corpus.tokenizer.vocabularySize)
            try MemoryEstimate(
                model, run.training(replicas: topology.replicas), topology, ranks: run.ranks, threads: count.threads,
                tracedSteps: run.traceEvery > 0 ? run.steps / run.traceEvery : 0, adapter: run.placedAdapter
            ).requireFit(ranks: count.neighbours, threads: count.threads)
            return model
        }
        let team = Team(threads: count.threads, precision: run.precision)
        team.claimOpenBLASBuffers()
        let grid = try Grid(topology, world: session.world)
        let worker = try grid.agree {
            try Worker(
                grid: grid, configuration: model, options: run.training(replicas: topology.replicas), ranks: run.ranks,
                source: BatchSource(shard: corpus.train, context: run.context, seed: run.seed), team: team,
                traceEvery: run.traceEvery, adapter: run.placedAdapter)
        }
        let rate = try sgemmRate(team, grid)
        say("model      \(model.familyName), \(grouped(Double(model.parameterCount))) parameters: \(model.layers) layers, width \(model.width), "
            + "\(model.heads) heads, context \(model.context), vocabulary \(grouped(Double(model.vocabularySize)))")
        if let adapter = run.placedAdapter {
            say("adapter    \(adapter.configuration.text): \(grouped(Double(adapter.parameterCount))) parameters learn, at "
                + "\(adapter.maps.count) linear maps; the weights stay as they are")
        }
        if let summary = run.ranks.summary { say("attention  \(summary)") }
        say("machine    SGEMM \(fixed(rate / 1e9, 0)) GFLOP/s over all ranks, OpenBLAS's \(OpenBLASCore.name) kernels")
        if run.precision == .bf16 {
            say("precision  bf16 products of linear maps, by "
                + (Precision.hasNativeBF16 ? "AVX-512 BF16" : "float32 products of rounded values: this CPU has no AVX-512 BF16"))
        }
        say("run        \(run.runDirectory): checkpoints, metrics.jsonl, run.yaml, tokenizer, tokens")

        try takeUp(run, worker, corpus, point, initial, say)
        try grid.agree {
            guard run.bases == .fixed, !worker.ranks.hasBases else { return }
            throw ConfigurationError(
                "--bases fixed: this run has no bases to keep; start it with --init from a checkpoint that drrl calibrate wrote")
        }
        guard worker.step < run.steps else {
            say("done       step \(worker.step) of \(run.steps) was reached before; raise --steps to go on")
            return nil
        }
        var metrics: MetricsFile?
        try grid.agree {
            guard isRoot else { return }
            let room = try CheckpointDirectory(directory.path).room(forBytes: worker.checkpointByteCount)
            if room < run.keep + 1 {
                say("run        note: \(run.runDirectory) has room for \(room) more checkpoint\(room == 1 ? "" : "s") of "
                    + "\(grouped(Double(worker.checkpointByteCount))) bytes; --keep \(run.keep) needs \(run.keep + 1)")
            }
            if let aside = try directory.setAside(after: worker.step, isOfAnotherRun: !point.isOfThisRun) {
                say("resume     moved what was there to \(aside)")
            }
            try staged.commit()
            try corpus.saveTokenizer(in: directory)
            try directory.write(try run.yaml(), to: directory.configuration)
            metrics = try MetricsFile(directory, after: worker.step)
        }
        let stopped = try TrainingLoop(worker: worker, run: run, corpus: corpus, sgemmRate: rate, progress: progress)
            .train(into: metrics)
        _ = consume lock
        return stopped
    }

    /// Collective: takes up the checkpoint that the run goes on from, if any, and says what is otherwise than it was there;
    /// else the weights of the model that it starts from, if any.
    private static func takeUp(
        _ run: RunConfiguration, _ worker: Worker, _ corpus: PreparedCorpus, _ point: borrowing ResumePoint,
        _ initial: borrowing InitialModel, _ say: (String) -> Void
    ) throws {
        let restored: RestoredRun
        switch point.checkpoint {
        case .none:
            guard let name = run.initial else { return }
            try worker.takeWeights { try initial.read($0, into: $1) }
            try initial.calibrate(worker)
            say("init       weights of \(name)" + (initial.mergesAdapter ? " with its adapter merged into them" : "")
                + (initial.calibration == nil ? "" : ", its bases and what levels lose in them"))
            return
        case .some(let checkpoint):
            restored = try worker.restore(
                from: checkpoint, tokenizerHash: corpus.tokenizer.hash, calibrated: point.calibration?.losses,
                startsPolicy: run.startsPolicy)
            say("resume     step \(worker.step) from \(checkpoint.path)")
        }
        if let name = run.initial {
            say("resume     note: the weights are the checkpoint's; those of --init \(name) were not read, and --resume none "
                + "would start from them")
        }
        for line in ChangedOptions(from: restored, to: run, corpus.saved, step: worker.step).lines {
            say("resume     note: \(line)")
        }
        if let note = restored.traceNote { say("resume     note: \(note)") }
    }

    /// Collective: the SGEMM rate of all ranks at once, in FLOP/s.
    private static func sgemmRate(_ team: Team, _ grid: Grid) throws -> Double {
        try grid.world.barrier()
        return try grid.world.allreduce(team.measureSGEMM(now: monotonicSeconds), .sum)
    }
}
