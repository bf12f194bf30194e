import Foundation
import Synchronization

/// A directory that goes with the value, or with the process where something shared still holds it.
public final class Scratch: Sendable {
    public let path: String

    private static let living = Mutex<Set<String>>([])
    private static let removeAtExit: Void = {
        atexit { for path in Scratch.living.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
    }()

    public init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("drrl-" + UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        Self.removeAtExit
        Self.living.withLock { [path] in _ = $0.insert(path) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        Self.living.withLock { [path] in _ = $0.remove(path) }
    }

    /// What it holds, by name.
    public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }

    /// A file in it, with this content. Returns its path.
    public func write(_ content: String, to name: String) throws -> String {
        try write(Data(content.utf8), to: name)
    }

    public func write(_ content: Data, to name: String) throws -> String {
        try content.write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }
}
