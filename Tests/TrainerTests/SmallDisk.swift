import Foundation
import Synchronization

/// A directory that goes with the value, or with the process where something shared still holds it.
final class Scratch: Sendable {
    let path: String

    private static let living = Mutex<Set<String>>([])
    private static let removeAtExit: Void = {
        atexit { for path in Scratch.living.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
    }()

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("drrl-" + UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        Self.removeAtExit
        Self.living.withLock { [path] in _ = $0.insert(path) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        Self.living.withLock { [path] in _ = $0.remove(path) }
    }

    /// A file in it, with this content. Returns its path.
    func write(_ content: String, to name: String) throws -> String {
        try write(Data(content.utf8), to: name)
    }

    func write(_ content: Data, to name: String) throws -> String {
        try content.write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }
}

/// A small file system in memory, mounted while the value lives.
final class SmallDisk {
    let path: String
    private let scratch: Scratch

    init(bytes: Int) throws {
        scratch = try Scratch()
        path = scratch.path + "/disk"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else { throw POSIXError(.EPERM) }
    }

    deinit { _ = umount2(path, Int32(MNT_DETACH)) }

    static let isPossible = (try? SmallDisk(bytes: 4096)) != nil
}

/// Makes a file of all the room that its disk has left.
func fillDisk(with path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw POSIXError(.EIO) }
    defer { close(descriptor) }
    let block = [UInt8](repeating: 0, count: 4096)
    while write(descriptor, block, block.count) > 0 {}
    guard errno == ENOSPC else { throw POSIXError(.EIO) }
}
