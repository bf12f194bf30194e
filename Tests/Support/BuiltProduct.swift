import Foundation

/// A program of this package that the build put beside the test bundle.
public enum BuiltProduct {
    /// Where the program lies.
    ///
    /// - Throws: `SupportError` when it was not built.
    public static func url(named name: String) throws -> URL {
        let url = directory.appendingPathComponent(name)
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            throw SupportError("\(name) is not in \(directory.path); build it with the tests")
        }
        return url
    }

    /// The folder of the running test program, e.g. `.build/release`.
    public static var directory: URL {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    }
}

/// What kept a test from starting a program.
public struct SupportError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
