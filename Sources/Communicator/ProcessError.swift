#if canImport(Glibc)
import Glibc
#endif

/// A request that the operating system refused.
public struct ProcessError: Error, Sendable, Equatable, CustomStringConvertible {
    public let operation: String
    /// The errno value.
    public let code: Int32

    public var description: String { "\(operation): \(String(cString: strerror(code)))" }
}
