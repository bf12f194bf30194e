/// The tokens that begin and end a text as the files say that a model came in: carried along, so that they go out again.
///
/// Of each: nil where the files say nothing, none where they say that there is none, and several where a turn of a dialogue
/// ends otherwise than a text.
public struct TextEnds: Equatable, Codable, Sendable {
    /// `bos_token_id`.
    public var start: [Int]?
    /// `eos_token_id`.
    public var end: [Int]?

    public init(start: [Int]?, end: [Int]?) {
        self.start = start
        self.end = end
    }
}
