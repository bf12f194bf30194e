#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The directory that holds `path`, for the system, and the name in it.
func splitPath(_ path: String) -> (directory: String, name: String) {
    // By bytes: a slash and a combining mark behind it are one Character.
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let name = String(path[path.utf8.index(after: slash)...])
    return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
}

/// Waits until the directory is on the disk.
func synchronizeDirectory(_ directory: String) throws(CorpusError) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .writing("open", directory, code: errno) }
    let flushed = fsync(descriptor)
    let code = errno
    guard close(descriptor) == 0 else { throw .writing("close", directory, code: errno) }
    // Some file systems do not flush directories and say so with EINVAL: nothing more can be done there.
    guard flushed == 0 || code == EINVAL else { throw .writing("flush", directory, code: code) }
}
