import Communicator
import Corpus
import Transformer
import Worker

/// The tokenizer and the token shards of a run, open on this rank.
struct PreparedCorpus {
    let tokenizer: ByteLevelBPE
    let train: Shard
    let valid: Shard?
    let trainPath: String

    /// What a checkpoint says of them.
    var saved: SavedCorpus {
        SavedCorpus(
            path: trainPath, sourceHash: train.sidecar.sourceHash, tokenizerHash: tokenizer.hash, tokens: train.count)
    }

    var savedTokenizer: SavedTokenizer {
        SavedTokenizer(encoder: tokenizer.encoderFile, merges: tokenizer.mergesFile, hash: tokenizer.hash)
    }

    /// Collective: rank 0 generates, trains and encodes what is missing from the run directory; then every rank opens it.
    ///
    /// Throws `AgreedError` on every rank for text or tokenizer files that cannot serve, and `MPIError`.
    static func prepare(
        _ run: RunConfiguration, _ directory: RunDirectory, world: borrowing Communicator, say: (String) -> Void
    ) throws -> PreparedCorpus {
        let isRoot = world.rank == 0
        let trainPath = run.train ?? directory.data + "/generated-train.tokens"
        let validPath = run.train == nil ? directory.data + "/generated-valid.tokens" : run.valid
        let trainShard = directory.data + "/train.bin", validShard = directory.data + "/valid.bin"
        var hashes = ["", "", ""]
        try agreed(on: world) {
            guard isRoot else { return }
            if run.train == nil {
                try EmbeddedCorpus.training.write(to: trainPath)
                try EmbeddedCorpus.validation.write(to: directory.data + "/generated-valid.tokens")
                say("corpus     generated articles, since no --train was given")
            }
            let tokenizer = try tokenizer(run, directory, trainPath: trainPath, trainShard: trainShard, say: say)
            func shard(_ path: String, _ source: String) throws -> Shard {
                let prepared = try Shard.prepare(path, source: source, tokenizer: tokenizer)
                let sidecar = prepared.shard.sidecar
                say("           \(source): \(grouped(Double(sidecar.tokens))) tokens, \(grouped(Double(sidecar.words))) words"
                    + (prepared.rebuiltBecause == nil ? " (kept)" : ""))
                return prepared.shard
            }
            hashes = [tokenizer.hash, try shard(trainShard, trainPath).sidecar.sourceHash, ""]
            if let validPath { hashes[2] = try shard(validShard, validPath).sidecar.sourceHash }
        }
        let (tokenizerHash, trainHash) = (
            try world.broadcast(hashes[0], root: 0), try world.broadcast(hashes[1], root: 0))
        let validHash = try world.broadcast(hashes[2], root: 0)
        return try agreed(on: world) {
            let tokenizer = try ByteLevelBPE(directory: run.tokenizer ?? directory.tokenizer)
            return PreparedCorpus(
                tokenizer: tokenizer,
                train: try Shard(path: trainShard, tokenizerHash: tokenizerHash, sourceHash: trainHash),
                valid: validPath == nil
                    ? nil : try Shard(path: validShard, tokenizerHash: tokenizerHash, sourceHash: validHash),
                trainPath: trainPath)
        }
    }

    /// The given tokenizer; or the run's own if it fits text and size; or one trained now and kept beside the run.
    private static func tokenizer(
        _ run: RunConfiguration, _ directory: RunDirectory, trainPath: String, trainShard: String, say: (String) -> Void
    ) throws -> ByteLevelBPE {
        if let given = run.tokenizer {
            let tokenizer = try ByteLevelBPE(directory: given)
            say("tokenizer  \(given): \(grouped(Double(tokenizer.vocabularySize))) entries, \(tokenizer.hash.prefix(12))")
            return tokenizer
        }
        let text = try Text(contentsOf: trainPath)
        if let kept = try? ByteLevelBPE(directory: directory.tokenizer), kept.vocabularySize == run.vocabularySize,
            (try? Shard(path: trainShard, tokenizerHash: kept.hash, sourceHash: text.hash)) != nil
        {
            say("tokenizer  \(directory.tokenizer): \(grouped(Double(kept.vocabularySize))) entries, \(kept.hash.prefix(12)) (kept)")
            return kept
        }
        let tokenizer = try BPETrainer.train(on: text, vocabularySize: run.vocabularySize)
        try tokenizer.save(to: directory.tokenizer)
        say("tokenizer  \(directory.tokenizer): \(grouped(Double(tokenizer.vocabularySize))) entries learnt from "
            + "\(trainPath), \(tokenizer.hash.prefix(12))")
        return tokenizer
    }
}
