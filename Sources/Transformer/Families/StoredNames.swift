/// How files of other programs name a family's parameters, beside the names that it gives them itself.
public struct StoredNames: Sendable {
    /// What names of the base model's files, saved without its head, lack.
    public let prefix: String
    /// How names of buffers end that some files hold among the weights: they are none.
    public let buffers: [String]
    /// The head's matrix, which some files hold beside the token embedding that it is.
    public let head: String
}

extension ModelConfiguration {
    public var storedNames: StoredNames { family.description.storedNames }
}
