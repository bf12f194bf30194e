import ArgumentParser
import Checkpoint
import Communicator
import Corpus
import Files
import Kernels
import Model
import Options
import Worker

/// The command line of `drrl merge`.
struct MergeOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Makes a checkpoint whose weights hold what a checkpoint's adapter adds to them.",
        usage: "drrl merge --checkpoint FILE --to FILE")

    @Option(help: ArgumentHelp("A checkpoint with an adapter, of drrl-train or drrl import.", valueName: "file"))
    var checkpoint: String

    @Option(help: ArgumentHelp("The checkpoint to write: weights and tokenizer alone.", valueName: "file"))
    var to: String
}

extension MergeOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let saved = try OpenCheckpoint(path: checkpoint, world: world)
        let maps = try agreed(on: world) {
            try requireOther(to, than: checkpoint)
            guard let adapter = saved.adapter else {
                throw ConfigurationError(
                    "\(checkpoint): holds no adapter to merge; name a checkpoint of a run with --adapter, or of drrl import "
                        + "--checkpoint")
            }
            return adapter.maps.count
        }
        let source = try saved.source(on: world)
        return try agreed(on: world) {
            guard world.rank == 0 else { return "" }
            let path = try writeModel(of: saved, source, to: to)
            return "merged      \(path): the adapter of \(maps) linear maps is in the weights"
        }
    }
}

/// - Throws: `ConfigurationError` where a checkpoint would be written over the one that is read.
func requireOther(_ path: String, than input: String) throws(ConfigurationError) {
    guard SystemFile.areSame(input, path) else { return }
    throw ConfigurationError("--to \(path) would overwrite \(input); name another file")
}

/// On rank 0: a checkpoint's weights and tokenizer as a checkpoint of their own, beside another adapter or with their own
/// merged into them. Bases and policies are of the weights as they were, and stay behind.
///
/// - Parameters:
///   - source: which text the checkpoint's run read.
///   - adapter: the adapter to write beside the weights, and its parameters' values.
/// - Returns: the path that was written.
/// - Throws: `CheckpointError`, and what `adapter` throws.
func writeModel(
    of saved: borrowing OpenCheckpoint, _ source: SavedCorpus, to path: String,
    adapter: (placed: PlacedAdapter, read: (ParameterSpec) throws -> Buffer<Float>)? = nil
) throws -> String {
    guard let tokenizer = saved.tokenizer else { preconditionFailure("rank 0 has the tokenizer") }
    let model = saved.run.model, weights = ParameterArray.weights(of: model)
    let own = adapter.map { ParameterArray.parameters(of: $0.placed) }
    var writer = try CheckpointWriter(
        path: path, step: saved.step, expectedBytes: weights.byteCount + (own?.byteCount ?? 0))
    try writer.write(
        RunRecord(
            run: SavedRun(model: model, training: saved.run.training, precision: saved.run.precision), corpus: source, cursor: 0,
            seed: saved.run.training.seed, tokenizerHash: tokenizer.hash),
        SavedTokenizer(tokenizer))
    for spec in model.parameters {
        let values = Buffer<Float>(uninitialized: spec.count), entry = weights.entry(spec)
        try saved.read(entry, into: values)
        try writer.write(entry.path, shape: entry.shape, values)
    }
    if let adapter, let own {
        try writer.write(adapter.placed.configuration)
        for spec in adapter.placed.parameters {
            let entry = own.entry(spec)
            try writer.write(entry.path, shape: entry.shape, adapter.read(spec))
        }
    }
    return try writer.commit()
}
