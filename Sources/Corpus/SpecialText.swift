/// What `<|endoftext|>` means where it stands in a text file.
///
/// Data sets write it between their documents; in a text about language models it is a word like any other.
/// Whatever it means, every article of a shard is followed by exactly one end-of-text token.
public enum SpecialText: String, CaseIterable, Codable, Sendable {
    /// Ordinary text wherever it stands: it becomes the tokens of its characters.
    case encode
    /// A line that is exactly it ends a document and belongs to none; elsewhere in a line it is ordinary text.
    case split
    /// A text that has it anywhere is refused.
    case refuse
}
