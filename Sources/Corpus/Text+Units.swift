extension Text {
    /// Words of a piece of text of that kind, as `wordCount` counts those of a whole one; bytes that are not UTF-8 at a cut
    /// count as a character of a word.
    public static func words(in bytes: [UInt8], of kind: Kind) -> Int {
        WordCount(Array(String(decoding: bytes, as: UTF8.self).utf8).span).inUnits(of: kind)
    }
}
