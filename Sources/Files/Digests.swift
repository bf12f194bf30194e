import CXXHash
import Crypto

/// SHA-256 of the pieces one after the other, in lower-case hexadecimal.
public func sha256(_ pieces: [[UInt8]]) -> String {
    var hash = SHA256()
    for piece in pieces { hash.update(data: piece) }
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in hash.finalize() {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}

/// SHA-256 of `bytes`, in lower-case hexadecimal.
public func sha256(_ bytes: [UInt8]) -> String { sha256([bytes]) }

/// XXH64 with seed 0 of bytes that come in pieces, by libxxhash (Collet, "xxHash fast digest algorithm", version 0.1.1).
///
/// Fast without special instructions, and every language has it, so that anyone can check a checkpoint's digests.
///
///     var hash = XXH64()
///     hash.update(bytes)
///     print(hash.digest.hexadecimal)
public struct XXH64: ~Copyable {
    private var state = drrl_xxh64_state()

    /// The digest of no bytes yet.
    public init() { drrl_xxh64_reset(&state) }

    /// Takes the bytes that follow.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        drrl_xxh64_update(&state, bytes.baseAddress, bytes.count)
    }

    /// The digest of everything taken so far.
    public var digest: UInt64 { withUnsafePointer(to: state) { drrl_xxh64_digest($0) } }

    /// The digest of `bytes`.
    public static func digest(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = XXH64()
        hash.update(bytes)
        return hash.digest
    }
}

extension UInt64 {
    /// Sixteen lower-case hexadecimal digits.
    public var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
