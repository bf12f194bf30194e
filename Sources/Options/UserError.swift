/// What a person can mend: a value that cannot be, a file that cannot be read or written, a model that cannot serve.
///
/// The description is one line that says what was wrong, where, and what to do. The shell ends a program with exit code 2
/// on it, and with 1 on everything else.
public protocol UserError: Error, CustomStringConvertible {}

/// A value that cannot be, or values that cannot be together.
public struct ConfigurationError: UserError {
    public let description: String

    /// - Parameter description: one line; options are named as `\(option:)` says.
    public init(_ description: String) { self.description = description }
}

/// A file, directory or stream that cannot be read or written, or holds what cannot serve.
public struct UnusableFileError: UserError {
    public let description: String

    /// - Parameter description: one line that names the file; options are named as `\(option:)` says.
    public init(_ description: String) { self.description = description }
}
