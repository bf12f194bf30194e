import Generation
import Testing

@Suite struct TextStreamTests {
    /// What is shown of a text that comes in pieces, piece by piece, and at its end.
    private func shown(_ pieces: [[UInt8]], stops: [String] = []) -> (pieces: [String], end: String, isStopped: Bool) {
        var stream = TextStream(stops: stops), parts: [String] = []
        for piece in pieces { parts.append(stream.add(piece)) }
        return (parts, stream.finish(), stream.isStopped)
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func charactersComeWhole() {
        let text = "a€é𝄞z", each = bytes(text).map { [$0] }, found = shown(each)
        #expect(found.pieces == ["a", "", "", "€", "", "é", "", "", "", "𝄞", "z"] && found.end == "")
        for count in 1...7 {
            let pieces = stride(from: 0, to: bytes(text).count, by: count).map {
                Array(bytes(text)[$0..<min($0 + count, bytes(text).count)])
            }
            let found = shown(pieces)
            #expect((found.pieces + [found.end]).joined() == text)
        }
    }

    /// What is no UTF-8 is shown as it is when it is decoded whole.
    @Test func brokenCharactersAreReplaced() {
        for broken: [UInt8] in [
            [0xE2, 0x82], [0x80, 0x41], [0xC3, 0x41, 0xC3], [0xF0, 0x9D, 0x84, 0x41], [0xFF, 0xFE, 0x42], [0xF0, 0x80, 0x80, 0x80],
            [0xE2, 0x82, 0xE2, 0x82, 0xAC],
        ] {
            let found = shown(broken.map { [$0] })
            #expect((found.pieces + [found.end]).joined() == String(decoding: broken, as: UTF8.self), "\(broken)")
        }
    }

    @Test func aStopStringEndsTheText() {
        let across = shown(["one e", "nd", " two", "three"].map(bytes), stops: ["end t"])
        #expect(across.pieces == ["one ", "", "", ""] && across.end == "" && across.isStopped)
        let within = shown([bytes("one end two")], stops: ["xx", "end"])
        #expect(within.pieces == ["one "] && within.isStopped)
        // The first in the text, whichever is named first.
        #expect(shown([bytes("a b c")], stops: ["c", "b"]).pieces == ["a "])
        #expect(shown([bytes("x"), bytes("€y")], stops: ["€"]).pieces == ["x", ""])
    }

    @Test func textIsHeldBackWhileItMayBeAStopString() {
        let found = shown(["a\n", "\n", "b", "\n\n", "\nc"].map(bytes), stops: ["\n\n\n"])
        #expect(found.pieces == ["a", "", "\n\nb", "", ""] && found.isStopped)
        let ended = shown(["a\n", "\n"].map(bytes), stops: ["\n\n\n"])
        #expect(ended.pieces == ["a", ""] && ended.end == "\n\n" && !ended.isStopped)
        // A beginning within what was held for another.
        let inner = shown(["aab", "ab", "c"].map(bytes), stops: ["aabaac", "abc"])
        #expect(inner.pieces.joined() == "aab" && inner.isStopped)
    }
}
