/// Checks `vocab.bpe` and makes its table: after a version line, one merge a line, best first,
/// two tokens with a space between.
///
/// Throws `malformedTokenizer` with the number of the line.
func readMerges(
    _ content: [UInt8], name: String, vocabulary: VocabularyFile
) throws(CorpusError) -> MergeTable {
    let lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    var merges = MergeTable(capacity: min(lines.count, ByteLevelBPE.largestVocabulary))
    var rank: UInt32 = 0
    for (index, wholeLine) in lines.enumerated() {
        // Files written on Windows end their lines with a carriage return.
        let line = wholeLine.last == UInt8(ascii: "\r") ? wholeLine.dropLast() : wholeLine
        if index == 0 && line.starts(with: "#version".utf8) { continue }
        if line.isEmpty && index == lines.count - 1 { continue }
        func malformed(_ problem: String) -> CorpusError {
            .malformedTokenizer(path: name, problem: "line \(index + 1): \(problem)")
        }
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw malformed("a merge is two tokens with one space between them")
        }
        let spellings = [Array(parts[0]), Array(parts[1]), Array(parts[0] + parts[1])]
        var ids: [UInt16] = []
        for spelling in spellings {
            guard let id = vocabulary.names.find(spelling.span) else {
                let text = String(decoding: spelling, as: UTF8.self)
                throw malformed("\"\(text)\" is not in the vocabulary")
            }
            ids.append(UInt16(id))
        }
        if let earlier = merges.insert(ids[0], ids[1], Merge(rank: rank, token: ids[2])) {
            throw malformed("the same merge as number \(earlier.rank + 1)")
        }
        guard rank < ByteLevelBPE.largestVocabulary else {
            throw malformed("more merges than \(ByteLevelBPE.largestVocabulary)")
        }
        rank += 1
    }
    return merges
}
