import Checkpoint
import CommandLine
import Communicator
import Corpus
import Files
import Model
import Options
import Runs
import Worker

/// Files of a run directory that are made beside what has their names, and take it once a run is known to start: a start
/// that is refused leaves the directory as it was. Those that were not put in place go with this.
final class StagedFiles {
    private var files: [(staged: String, path: String)] = []

    /// Where to make the file that is to be at `path`.
    func place(for path: String) -> String {
        let staged = SystemFile.directory(of: path) + "/next-" + SystemFile.name(of: path)
        // What a killed start left must not pass for this one's.
        try? removeFile(staged)
        files.append((staged, path))
        return staged
    }

    /// Puts those that were made in place.
    ///
    /// - Throws: `FileError`.
    func commit() throws(FileError) {
        let made = files.filter { fileExists($0.staged) }
        // A new shard beside an old sidecar would pass for the old one: for a moment there is none.
        for (_, path) in made.reversed() { try removeFile(path) }
        for (staged, path) in made { try SystemFile.move(staged, to: path) }
        files = []
    }

    deinit {
        // Best effort: the next start writes over what is left.
        for (staged, _) in files { try? removeFile(staged) }
    }
}

/// The tokenizer and the token shards of a run, open on this rank.
struct PreparedCorpus {
    let tokenizer: ByteLevelBPE
    let train: Shard
    /// What is evaluated on.
    let heldOut: EvaluationText?
    let trainPath: String
    let validPath: String?

    /// What a checkpoint says of them.
    var saved: SavedCorpus {
        SavedCorpus(
            path: trainPath, sourceHash: train.sidecar.sourceHash, tokenizerHash: tokenizer.hash, tokens: train.count,
            heldOut: validPath.flatMap { path in
                heldOut.map { SavedCorpus.HeldOutText(path: path, sourceHash: $0.hash) }
            })
    }

    var savedTokenizer: SavedTokenizer { SavedTokenizer(tokenizer) }

    /// Writes the tokenizer to the run directory unless it is there already. For rank 0.
    ///
    /// - Throws: `CorpusError`.
    func saveTokenizer(in directory: RunDirectory) throws(CorpusError) {
        if (try? ByteLevelBPE(directory: directory.tokenizer))?.hash == tokenizer.hash { return }
        try tokenizer.save(to: directory.tokenizer)
    }

    /// Collective: rank 0 generates, learns and encodes what is missing from the run directory, beside what is there; then
    /// every rank opens it.
    ///
    /// - Parameter saved: the tokenizer of the checkpoint that the run goes on from, on rank 0.
    /// - Throws: `AgreedError` on every rank for text or tokenizer files that cannot serve, and `MPIError`.
    static func prepare(
        _ run: RunConfiguration, _ directory: RunDirectory, saved: ByteLevelBPE?, staged: StagedFiles,
        world: borrowing Communicator, say: @escaping (String) -> Void
    ) throws -> PreparedCorpus {
        let isRoot = world.rank == 0
        let trainPath = run.train ?? directory.data + "/generated-train.tokens"
        let validPath = run.train == nil ? directory.data + "/generated-valid.tokens" : run.valid
        var own: ByteLevelBPE?
        // Path and source hash of each shard.
        var shards = ["", "", "", ""]
        try agreed(on: world) {
            guard isRoot else { return }
            let preparation = Preparation(run: run, directory: directory, staged: staged, say: say)
            let sources = try preparation.sources(train: trainPath, valid: validPath)
            let tokenizer = try preparation.tokenizer(saved: saved, train: sources.train)
            let train = try preparation.shard("train.bin", of: sources.train, tokenizer)
            let valid = try sources.valid.map { try preparation.shard("valid.bin", of: $0, tokenizer) }
            _ = try TrainingWindows(tokens: train.count, context: run.context)
            shards = [train.path, train.sidecar.sourceHash, valid?.path ?? "", valid?.sidecar.sourceHash ?? ""]
            own = tokenizer
        }
        let files = try world.broadcast(own?.files, root: 0)
        shards = try shards.map { try world.broadcast($0, root: 0) }
        return try agreed(on: world) {
            let tokenizer = try own ?? ByteLevelBPE(files, place: "rank 0's ")
            func open(_ path: String, _ sourceHash: String) throws -> Shard {
                guard fileExists(path) else {
                    throw UnusableFileError(
                        "--run-dir \(directory.path): this rank does not see the tokens that rank 0 put there; "
                            + "name a directory on a file system that all nodes share")
                }
                return try Shard(path: path, tokenizerHash: tokenizer.hash, sourceHash: sourceHash)
            }
            return PreparedCorpus(
                tokenizer: tokenizer, train: try open(shards[0], shards[1]),
                heldOut: try validPath.map {
                    try EvaluationText(
                        try open(shards[2], shards[3]), limit: run.evalTokens, tokenizer: tokenizer,
                        kind: Text.Kind(fileName: $0))
                },
                trainPath: trainPath, validPath: validPath)
        }
    }
}

extension Communicator {
    /// Collective: the root's files on every rank, by name.
    ///
    /// - Throws: `MPIError`.
    fileprivate func broadcast(_ files: TokenizerFiles?, root: Int) throws(MPIError) -> TokenizerFiles {
        let name = try broadcast(files?.format.rawValue ?? "", root: root)
        guard let format = TokenizerFiles.Format(rawValue: name) else {
            preconditionFailure("rank \(root) sends tokenizer files of the format \(name)")
        }
        var contents: [[UInt8]] = []
        for number in format.names.indices {
            contents.append(try broadcast(files?.contents[number] ?? [], root: root))
        }
        return TokenizerFiles(format, contents)
    }
}

/// What rank 0 does before tokens are there.
private struct Preparation {
    let run: RunConfiguration
    let directory: RunDirectory
    let staged: StagedFiles
    let say: (String) -> Void

    /// A text by the name that people know, and where it lies for now.
    struct Source {
        let name, path: String
    }

    func sources(train: String, valid: String?) throws -> (train: Source, valid: Source?) {
        guard run.train == nil else {
            return (Source(name: train, path: train), valid.map { Source(name: $0, path: $0) })
        }
        say("corpus     generated articles, since no --train was given")
        func generated(_ corpus: EmbeddedCorpus, _ path: String) throws -> Source {
            let bytes = corpus.bytes()
            if let there = try? readFile(path), there == bytes { return Source(name: path, path: path) }
            let place = staged.place(for: path)
            try ReplacementFile.write(bytes, to: place)
            return Source(name: path, path: place)
        }
        return (
            try generated(EmbeddedCorpus.training, train), try valid.map { try generated(EmbeddedCorpus.validation, $0) }
        )
    }

    /// The given tokenizer; or the checkpoint's; or the run's own if it fits text and size; or one learnt now.
    func tokenizer(saved: ByteLevelBPE?, train: Source) throws -> ByteLevelBPE {
        func told(_ tokenizer: ByteLevelBPE, _ place: String, _ remark: String = "") -> ByteLevelBPE {
            say("tokenizer  \(place): \(grouped(Double(tokenizer.vocabularySize))) entries\(remark), \(tokenizer.hash.prefix(12))")
            return tokenizer
        }
        if let given = run.tokenizer { return told(try ByteLevelBPE(directory: given), given) }
        if let saved { return told(saved, "the checkpoint's") }
        let text = try Text(contentsOf: train.path, kind: Text.Kind(fileName: train.name), specialText: run.specialText)
        if let kept = try? ByteLevelBPE(directory: directory.tokenizer), kept.vocabularySize == run.vocabularySize,
            let shard = try? Shard(path: directory.data + "/train.bin", tokenizerHash: kept.hash, sourceHash: text.hash),
            shard.sidecar.isMade(with: run.specialText, from: text.bytes)
        {
            return told(kept, directory.tokenizer, " (kept)")
        }
        return told(
            try BPETrainer.train(on: text, vocabularySize: run.vocabularySize), directory.tokenizer,
            " learnt from \(train.name)")
    }

    /// The shard of that name if it was made from the text, else one made now.
    func shard(_ name: String, of source: Source, _ tokenizer: ByteLevelBPE) throws -> Shard {
        let path = directory.data + "/" + name
        let place = staged.place(for: path)
        _ = staged.place(for: ShardSidecar.path(ofShard: path))
        let prepared = try Shard.prepare(
            path, source: source.path, name: source.name, tokenizer: tokenizer, specialText: run.specialText, newAt: place)
        let sidecar = prepared.shard.sidecar
        say("           \(source.name): \(grouped(Double(sidecar.tokens))) tokens, \(grouped(Double(sidecar.words))) words"
            + (sidecar.separators > 0 ? ", \(grouped(Double(sidecar.separators))) lines <|endoftext|> end documents" : "")
            + (prepared.rebuiltBecause == nil ? " (kept)" : ""))
        return prepared.shard
    }
}
