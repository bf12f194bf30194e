import Files
import Testing

@Suite struct DigestTests {
    /// Digests as computed by the reference implementation, for every way in which a tail can end.
    @Test(arguments: [
        (0, "ef46db3751d8e999"), (1, "f592c0c7639c4cb6"), (3, "22c08528601d4f27"), (4, "fb1e5cf2f1ae4d95"),
        (7, "5613ac510496c04e"), (8, "57cb2b7521f3e21a"), (31, "e4a0e629e519a4ae"), (32, "cc6b8aaada790b2d"),
        (33, "35ec49850475a832"), (63, "bf9f0ba3cf95b28a"), (64, "155ccce4bf32befc"), (100, "4826e367566ea023"),
        (1000, "128da10cfbdc59d9"),
    ])
    func xxh64(count: Int, digest: String) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
        #expect(bytes.withUnsafeBytes { XXH64.digest(of: $0) }.hexadecimal == digest)
        var pieces = XXH64()
        for first in stride(from: 0, to: count, by: 13) {
            bytes[first..<min(first + 13, count)].withUnsafeBytes { pieces.update($0) }
        }
        #expect(pieces.digest.hexadecimal == digest)
    }

    /// FIPS 180-2's examples.
    @Test func sha256OfPieces() {
        #expect(sha256([UInt8]()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(sha256(Array("abc".utf8)) == abc && sha256([Array("a".utf8), Array("bc".utf8)]) == abc)
    }
}
