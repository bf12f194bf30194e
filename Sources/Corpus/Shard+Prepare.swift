import Options

/// A shard and how it came about.
public struct PreparedShard: Sendable {
    public let shard: Shard
    /// Why a new shard was written, nil where the one in place was used.
    public let rebuiltBecause: String?
}

extension Shard {
    /// The shard at `path` if it was made by `tokenizer` from the text file `source` in the same way; otherwise
    /// makes it.
    ///
    /// For one process at a time; others open the result by its hashes.
    /// - Parameters:
    ///   - path: Where the shard is, or is to be.
    ///   - source: The text file.
    ///   - name: What messages call the text, and by whose end its kind is told; the file's own unless given.
    ///   - tokenizer: Makes the tokens.
    ///   - specialText: What `<|endoftext|>` means in the text. A shard made with another meaning serves only if
    ///     the text has none.
    ///   - place: Where to put a new shard; `path` unless given.
    /// - Returns: The shard, open, and why it was made if it was.
    /// - Throws: What reading the text, and writing and opening the shard, throw.
    public static func prepare(
        _ path: String, source: String, name: String? = nil, tokenizer: any Tokenizer,
        specialText: SpecialText = .split, newAt place: String? = nil
    ) throws(CorpusError) -> PreparedShard {
        let bytes = try readFile(source)
        do {
            let shard = try Shard(
                path: path, tokenizerHash: tokenizer.hash, sourceHash: sha256(bytes))
            guard shard.sidecar.isMade(with: specialText, from: bytes) else {
                let made = shard.sidecar.specialText.rawValue
                throw CorpusError.refusedShard(
                    path: path, reason: "made with \(option: "special-text") \(made), not \(specialText.rawValue)")
            }
            return PreparedShard(shard: shard, rebuiltBecause: nil)
        } catch {
            let text = try Text(
                bytes: bytes, name: name ?? source, kind: Text.Kind(fileName: name ?? source), specialText: specialText)
            let reason = fileExists(path) ? "\(error)" : "\(path): there was none"
            let shard = try build(place ?? path, text: text, tokenizer: tokenizer)
            return PreparedShard(shard: shard, rebuiltBecause: reason)
        }
    }

    /// Writes the tokens of `text`, every article ended by the tokenizer's end of text, and opens the shard.
    public static func build(
        _ path: String, text: Text, tokenizer: any Tokenizer
    ) throws(CorpusError) -> Shard {
        var writer = try ShardWriter(path, vocabularySize: tokenizer.vocabularySize)
        try tokenizer.encode(text) { tokens throws(CorpusError) in try writer.append(tokens) }
        try writer.commit(
            sidecar: ShardSidecar(text: text, tokenizer: tokenizer, tokens: writer.count))
        return try Shard(path: path, tokenizerHash: tokenizer.hash, sourceHash: text.hash)
    }
}
