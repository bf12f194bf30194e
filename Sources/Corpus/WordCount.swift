/// Words and lines of a text, and the one convention by which words are counted.
///
/// Words are what white space (Unicode White_Space) separates. In WikiText `.tokens` the end of each line
/// counts as one word more, as its authors count (Merity et al. 2016): 217,646 in the validation text,
/// 245,569 in the test text.
struct WordCount {
    private(set) var words = 0
    private(set) var lines = 0

    init(_ text: Span<UInt8>) {
        let classes = CharacterClass.table
        var inWord = false
        var position = 0
        while position < text.count {
            if text[position] == UInt8(ascii: "\n") { lines += 1 }
            let character = text.character(at: position, classes: classes)
            let isSpace = character.kind == .space
            if !isSpace && !inWord { words += 1 }
            inWord = !isSpace
            position += character.length
        }
    }

    func inUnits(of kind: Text.Kind) -> Int {
        kind == .wikiTextTokens ? words + lines : words
    }
}
