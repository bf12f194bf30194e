import Communicator
import Corpus
import Kernels
import Worker

/// A text as the model reads it: all its tokens, every article ended by the tokenizer's end of text, on every rank.
struct TokenStream {
    /// At least two.
    let tokens: Buffer<Int32>
    /// The original text's words and bytes.
    let words, bytes: Int
    /// SHA-256 of the text.
    let hash: String

    /// Collective: rank 0, which has the tokenizer, reads and encodes the file.
    ///
    /// - Throws: `AgreedError` and `MPIError`.
    init(
        path: String, tokenizer: ByteLevelBPE?, specialText: SpecialText, world: borrowing Communicator
    ) throws {
        var encoded: [Int32] = []
        var sizes: [Int64] = [0, 0]
        var digest = ""
        try agreed(on: world) {
            guard let tokenizer else { return }
            let text = try Text(contentsOf: path, specialText: specialText)
            for article in text.articles {
                encoded += tokenizer.encode(text.bytes.span.extracting(article))
                encoded.append(tokenizer.endOfText)
            }
            sizes = [Int64(text.wordCount), Int64(text.byteCount)]
            digest = text.hash
        }
        tokens = Buffer(try world.broadcast(encoded, root: 0))
        sizes = try world.broadcast(sizes, root: 0)
        (words, bytes) = (Int(sizes[0]), Int(sizes[1]))
        hash = try world.broadcast(digest, root: 0)
    }
}
