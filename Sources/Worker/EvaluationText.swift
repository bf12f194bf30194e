import Communicator
import Corpus
import Kernels

/// A held-out text as the model reads it: its tokens, every article ended by the tokenizer's end of text, and the sizes of the
/// original text that they stand for.
public struct EvaluationText: Sendable {
    /// At least two.
    public let tokens: Tokens
    /// The original text's words and bytes in them.
    public let words, bytes: Int
    /// SHA-256 of the whole text.
    public let hash: String
    /// Whether the tokens are the whole text's.
    public let isWhole: Bool

    private init(_ tokens: Tokens, words: Int, bytes: Int, hash: String, isWhole: Bool = true) {
        self.tokens = tokens
        self.words = words
        self.bytes = bytes
        self.hash = hash
        self.isWhole = isWhole
    }

    /// All of a shard; or, where `limit` is less, that many of its first tokens.
    ///
    /// - Parameter kind: how words of the original text are told.
    /// - Throws: `CorpusError` for a token that is none of the tokenizer's.
    public init(_ shard: Shard, limit: Int?, tokenizer: ByteLevelBPE, kind: Text.Kind) throws(CorpusError) {
        let all = Tokens(shard), sidecar = shard.sidecar
        guard let limit, limit < all.count else {
            self.init(all, words: sidecar.words, bytes: sidecar.bytes, hash: sidecar.sourceHash)
            return
        }
        let first = all[0..<limit], bytes = try tokenizer.decode(first.array.filter { $0 != tokenizer.endOfText })
        self.init(
            first, words: Text.words(in: bytes, of: kind), bytes: bytes.count, hash: sidecar.sourceHash, isWhole: false)
    }

    /// Collective: a file, which rank 0, which has the tokenizer, reads and encodes; its tokens are in memory on every rank.
    ///
    /// - Throws: `AgreedError` and `MPIError`.
    public init(
        path: String, tokenizer: ByteLevelBPE?, specialText: SpecialText, world: borrowing Communicator
    ) throws {
        var encoded: [Int32] = []
        var sizes: [Int64] = [0, 0]
        var digest = ""
        try agreed(on: world) {
            guard let tokenizer else { return }
            let text = try Text(contentsOf: path, specialText: specialText)
            tokenizer.encode(text) { encoded += $0 }
            sizes = [Int64(text.wordCount), Int64(text.byteCount)]
            digest = text.hash
        }
        encoded = try world.broadcast(encoded, root: 0)
        sizes = try world.broadcast(sizes, root: 0)
        self.init(
            Tokens(Buffer(encoded)), words: Int(sizes[0]), bytes: Int(sizes[1]), hash: try world.broadcast(digest, root: 0))
    }
}
