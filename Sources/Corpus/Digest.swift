import Crypto

/// SHA-256 of the pieces one after the other, in lower-case hexadecimal.
func sha256(_ pieces: [[UInt8]]) -> String {
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
func sha256(_ bytes: [UInt8]) -> String { sha256([bytes]) }
