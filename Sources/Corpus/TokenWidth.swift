/// How many bytes a shard's tokens take, which its version says.
enum TokenWidth: Sendable {
    /// uint16: version 1.
    case two
    /// uint32: version 2.
    case four

    /// The narrowest that numbers a vocabulary.
    init(vocabularySize: Int) { self = vocabularySize <= 1 << 16 ? .two : .four }

    /// Nil for a version that there is not.
    init?(version: Int32) {
        switch version {
        case 1: self = .two
        case 2: self = .four
        default: return nil
        }
    }

    var version: Int32 { self == .two ? 1 : 2 }
    var bytes: Int { self == .two ? 2 : 4 }
}
