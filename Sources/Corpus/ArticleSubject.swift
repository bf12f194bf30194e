/// What an article can be about, and the sentence patterns that tell it.
struct ArticleSubject: Sendable {
    enum Kind { case town, ship, person, bird }

    /// A heading and the patterns below it; an article uses most of them, in any order.
    struct Section: Sendable {
        var heading: String
        var patterns: [String]
    }

    let kind: Kind
    /// The first paragraph, in order: it introduces what later sections name again.
    let lead: [String]
    let sections: [Section]

    static let all = [town, ship, person, bird]
}
