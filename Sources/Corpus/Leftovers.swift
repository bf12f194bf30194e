#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The temporary file of `path` that this process writes.
func temporaryName(of path: String) -> String { "\(path)\(partialMark)\(getpid())" }

private let partialMark = ".partial-"

/// Removes the temporary files of `path` that killed processes have left: those that no open descriptor locks.
///
/// The lock tells, and not the process id in the name: on a shared file system it may be another machine's.
/// Best effort: what cannot be listed, locked or removed stays.
func removeLeftovers(of path: String) {
    let (directory, name) = splitPath(path)
    guard let stream = opendir(directory) else { return }
    defer { closedir(stream) }
    let start = Array((name + partialMark).utf8)
    let own = splitPath(temporaryName(of: path)).name
    while let entry = readdir(stream) {
        // By address: an entry is shorter than the type's longest name.
        let address = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
        let found = String(cString: address.assumingMemoryBound(to: CChar.self))
        let digits = found.utf8.dropFirst(start.count)
        guard found.utf8.starts(with: start), !digits.isEmpty,
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), found != own
        else { continue }
        removeUnlessLocked("\(directory)/\(found)")
    }
}

private func removeUnlessLocked(_ path: String) {
    guard let file = try? OpenFile.existing(path), file.lock() == .taken, file.isNamedByItsPath else { return }
    _ = unlink(path)
}
