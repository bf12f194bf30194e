#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Makes the directory and those above it where there are none. The path means what it means to the system:
/// `~` is a name, and `..` is wherever its directory's parent is.
///
/// - Throws: `file`, naming the directory that could not be made.
package func makeDirectory(_ path: String) throws(CorpusError) {
    let bytes = Array(path.utf8)
    let slash = UInt8(ascii: "/")
    // Every part of the path that ends before a slash, then all of it.
    for end in bytes.indices where end > 0 && bytes[end] == slash && bytes[end - 1] != slash {
        try makeOneDirectory(String(decoding: bytes[..<end], as: UTF8.self))
    }
    try makeOneDirectory(path)
}

private func makeOneDirectory(_ path: String) throws(CorpusError) {
    guard mkdir(path, 0o777) != 0 else { return }
    let code = errno
    // What is there may be refused with another code than EEXIST, where nothing can be written for example.
    var status = stat()
    let isThere = stat(path, &status) == 0
    guard isThere, status.st_mode & S_IFMT == S_IFDIR else {
        throw .writing("create the directory", path, code: isThere ? ENOTDIR : code)
    }
}

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
