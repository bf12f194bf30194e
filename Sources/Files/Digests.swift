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
    private let state: OpaquePointer

    /// The digest of no bytes yet.
    public init() {
        guard let state = XXH64_createState(), XXH64_reset(state, 0) == XXH_OK else {
            fatalError("no memory for the state of a digest")
        }
        self.state = state
    }

    deinit { XXH64_freeState(state) }

    /// Takes the bytes that follow.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // It refuses nothing but the null pointer of no bytes.
        guard let start = bytes.baseAddress else { return }
        let status = XXH64_update(state, start, bytes.count)
        precondition(status == XXH_OK, "XXH64_update: \(status)")
    }

    /// The digest of everything taken so far.
    public var digest: UInt64 { XXH64_digest(state) }

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
