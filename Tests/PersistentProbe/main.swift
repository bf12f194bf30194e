import Checkpoint
import Communicator
import Corpus
import Kernels
import Model
import Worker

// Started as `persistent-probe FILE` under mpirun with an even number of ranks: saves arrays on a grid of two stages and
// loads them again. It checks what it got and throws on a mismatch; the job then ends with status 3.

struct Mismatch: Error { let what: String }

func expect(_ holds: Bool, _ what: String) throws { if !holds { throw Mismatch(what: what) } }

/// Rank 0's writer, with all that a checkpoint needs to be opened.
func begun(_ path: String) throws -> CheckpointWriter {
    let text = try Text(bytes: Array("to be or not to be".utf8), name: "text", kind: .plain, specialText: .split)
    let tokenizer = try BPETrainer.train(on: text, vocabularySize: ByteLevelBPE.smallestVocabulary)
    let model = try ModelConfiguration(
        vocabularySize: ByteLevelBPE.smallestVocabulary, context: 8, width: 8, heads: 1, layers: 4)
    let training = TrainingOptions(
        batch: 1, microBatch: 1, learningRate: LearningRate(peak: 1e-3, floor: 1e-4, warmup: 0, steps: 9),
        optimizer: AdamW(weightDecay: 0), clip: 1, seed: 5)
    var writer = try CheckpointWriter(path: path, step: 7)
    try writer.write(
        RunRecord(
            run: SavedRun(model: model, training: training),
            corpus: SavedCorpus(path: "text", sourceHash: "", tokenizerHash: tokenizer.hash, tokens: 1), cursor: 3, seed: 5,
            tokenizerHash: tokenizer.hash),
        SavedTokenizer(tokenizer))
    return writer
}

func check(_ path: String, _ world: borrowing Communicator, _ grid: Grid) throws {
    let saved = Arrays(grid.topology)
    saved.number()
    var writer: CheckpointWriter?
    if world.rank == 0 { writer = try begun(path) }
    if let failure = try grid.store([saved], in: &writer) { throw failure }
    if let finished = writer.take() { _ = try finished.commit() }
    try world.barrier()

    let checkpoint = try OpenCheckpoint(path: path, world: world)
    try expect(checkpoint.step == 7 && checkpoint.run.model.layers == 4, "every rank knows the run")
    let read = Arrays(grid.topology, later: true)
    try expect(checkpoint.holds(read), "it holds the arrays")
    try checkpoint.load(read, on: world)
    try expect(read.adopted == 1, "what was read is taken up once")
    for (path, numbers) in read.numbers {
        let expected = saved.numbers[path] ?? Array(repeating: 0.5, count: 6)
        try expect(numbers == expected, "\(path): \(numbers) where \(expected) was saved")
    }
    try expect(read.numbers.count == (world.rank == 0 ? 6 : 5), "\(read.numbers.keys.sorted()) on rank \(world.rank)")

    let foreign = Arrays(grid.topology, under: "/foreign", mayBeAbsent: true), before = foreign.numbers
    try checkpoint.load(foreign, on: world)
    try expect(!checkpoint.holds(foreign) && foreign.numbers == before && foreign.adopted == 0, "what is absent stays")
    do {
        try checkpoint.load(Arrays(grid.topology, under: "/foreign"), on: world)
        throw Mismatch(what: "arrays that it lacks were loaded")
    } catch let error as AgreedError {
        try expect(error.description.contains("has no /foreign/layer_0"), "every rank is told what is missing: \(error)")
    }
}

do {
    let session = try MPISession(), world = session.world
    let grid = try Grid(Topology(rank: world.rank, worldSize: world.size, stages: 2), world: session.world)
    try check(CommandLine.arguments[1], world, grid)
    try session.finalize()
    if world.rank == 0 { print("passed") }
} catch {
    MPISession.abort(code: 3, reason: "\(error)")
}
