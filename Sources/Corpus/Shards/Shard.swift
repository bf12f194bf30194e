import Files
import Kernels
import Options

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A file of tokens in llm.c's format, mapped into memory.
///
/// 256 int32 (magic 20240520, version, count, zeros), then the tokens; little endian. Version 1, llm.c's, has tokens of
/// 16 bits; version 2, for vocabularies of more than 65,536 entries, has tokens of 32. Any number of threads may read. The
/// file must not be changed while it is open: `prepare` replaces it, and never writes into it.
///
///     let shard = try Shard.prepare("run/train.bin", source: "wiki.train.tokens", tokenizer: tokenizer).shard
///     shard.readWindow(0..<513, inputs: inputs, targets: targets)  // 512 each
public final class Shard: Sendable {
    static let magic: Int32 = 20_240_520
    static let headerFields = 256
    static let headerBytes = headerFields * MemoryLayout<Int32>.size

    /// The path that it was opened by.
    public let path: String
    /// What the shard was made from.
    public let sidecar: ShardSidecar
    /// Number of tokens.
    public let count: Int

    private let width: TokenWidth
    private let mapping: Mapping

    /// Opens a shard that must have been made by this tokenizer from this text, both given by their SHA-256.
    ///
    /// - Throws: `file`, and `refusedShard` where the file is none, is cut, has no sidecar or another origin, or holds
    ///   tokens outside its vocabulary.
    public init(
        path: String, tokenizerHash: String, sourceHash: String
    ) throws(CorpusError) {
        func refused(_ reason: String) -> CorpusError { .refusedShard(path: path, reason: reason) }

        let mapping = try Mapping(path: path)
        guard mapping.byteCount >= Self.headerBytes else {
            throw refused("\(mapping.byteCount) bytes, less than its header")
        }
        let header = mapping.elements(of: Int32.self, from: 0, count: 3)
        guard header[0] == Self.magic else {
            throw refused("magic number \(header[0]) where \(Self.magic) was expected")
        }
        guard let width = TokenWidth(version: header[1]) else {
            throw refused("version \(header[1]) where 1 or 2 was expected")
        }
        let count = Int(header[2])
        let expectedBytes = Self.headerBytes + count * width.bytes
        guard count >= 0, mapping.byteCount == expectedBytes else {
            throw refused("\(mapping.byteCount) bytes where \(count) tokens take \(expectedBytes)")
        }

        let sidecar = try ShardSidecar(ofShard: path)
        guard sidecar.tokens == count else {
            throw refused("\(count) tokens where its sidecar names \(sidecar.tokens)")
        }
        guard sidecar.tokenBytes == width.bytes else {
            throw refused("tokens of \(width.bytes) bytes where its sidecar names \(sidecar.tokenBytes)")
        }
        guard sidecar.tokenizerHash == tokenizerHash else {
            throw refused(
                "made with tokenizer \(sidecar.tokenizerHash.prefix(12)), not \(tokenizerHash.prefix(12))")
        }
        guard sidecar.sourceHash == sourceHash else {
            throw refused(
                "made from the text \(sidecar.sourceHash.prefix(12)), not \(sourceHash.prefix(12))")
        }
        let largest =
            switch width {
            case .two: Int(mapping.largest(of: UInt16.self, from: Self.headerBytes, count: count))
            case .four: Int(mapping.largest(of: UInt32.self, from: Self.headerBytes, count: count))
            }
        guard largest < sidecar.vocabularySize else {
            throw refused("token \(largest) is outside its vocabulary of \(sidecar.vocabularySize)")
        }

        self.path = path
        self.sidecar = sidecar
        self.count = count
        self.width = width
        self.mapping = mapping
    }

    /// Copies the tokens in `range` to the front of `destination`, which has room for them.
    public func read(_ range: Range<Int>, into destination: Buffer<Int32>) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count,
            "tokens \(range) of a shard of \(count)")
        precondition(
            range.count <= destination.count,
            "\(range.count) tokens into a buffer of \(destination.count)")
        let offset = Self.headerBytes + width.bytes * range.lowerBound
        switch width {
        case .two: mapping.copy(UInt16.self, from: offset, count: range.count, to: destination.pointer)
        case .four: mapping.copy(UInt32.self, from: offset, count: range.count, to: destination.pointer)
        }
    }

    /// Copies the window `range` as inputs and, one token further on, the targets to predict from them.
    ///
    /// A window shorter than the buffers ends in inputs 0 and targets −1, which count for nothing.
    /// - Parameters:
    ///   - range: one token more than there are inputs.
    ///   - inputs: [context].
    ///   - targets: [context].
    public func readWindow(
        _ range: Range<Int>, inputs: Buffer<Int32>, targets: Buffer<Int32>
    ) {
        Tokens(self).readWindow(range.dropLast(), predicting: range.dropFirst(), inputs: inputs, targets: targets)
    }
}

/// A whole file mapped for reading, unmapped with its owner.
private final class Mapping: @unchecked Sendable {
    private let base: UnsafeRawPointer?
    let byteCount: Int

    init(path: String) throws(CorpusError) {
        (base, byteCount) = try CorpusError.naming { () throws(FileError) in
            let file = try OpenFile.regular(path), size = try file.size()
            // No mapping is empty.
            guard size > 0 else { return (nil, 0) }
            let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.rawDescriptor, 0)
            guard let address, address != MAP_FAILED else { throw FileError("map", path, code: errno, for: .reading) }
            return (UnsafeRawPointer(address), size)
        }
    }

    deinit {
        // It can fail only on an address that is not ours.
        if let base { _ = munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
    }

    /// `count` elements from byte `offset` on, valid while the mapping lives.
    func elements<Element: BitwiseCopyable>(
        of type: Element.Type, from offset: Int, count: Int
    ) -> UnsafeBufferPointer<Element> {
        let start = base.map { ($0 + offset).assumingMemoryBound(to: type) }
        return UnsafeBufferPointer(start: start, count: count)
    }
    /// Copies `count` tokens from byte `offset` on.
    func copy<Token: FixedWidthInteger & BitwiseCopyable>(
        _ type: Token.Type, from offset: Int, count: Int, to target: UnsafeMutablePointer<Int32>
    ) {
        let tokens = elements(of: type, from: offset, count: count)
        for i in 0..<count { target[i] = Int32(truncatingIfNeeded: tokens[i]) }
    }

    /// The largest of `count` tokens from byte `offset` on; 0 where there are none.
    func largest<Token: FixedWidthInteger & BitwiseCopyable>(of type: Token.Type, from offset: Int, count: Int) -> Token {
        elements(of: type, from: offset, count: count).reduce(0) { max($0, $1) }
    }
}

/// A shard and how it came about.
public struct PreparedShard: Sendable {
    /// The shard, open.
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
        let bytes = try CorpusError.naming { () throws(FileError) in try readFile(source) }
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
    ///
    /// - Throws: `CorpusError`.
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
