#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Makes the directory and those above it where there are none. The path means what it means to the system:
/// `~` is a name, and `..` is wherever its directory's parent is.
///
/// - Throws: `FileError`, naming the directory that could not be made.
public func makeDirectory(_ path: String) throws(FileError) {
    let bytes = Array(path.utf8)
    let slash = UInt8(ascii: "/")
    // Every part of the path that ends before a slash, then all of it.
    for end in bytes.indices where end > 0 && bytes[end] == slash && bytes[end - 1] != slash {
        try makeOneDirectory(String(decoding: bytes[..<end], as: UTF8.self))
    }
    try makeOneDirectory(path)
}

private func makeOneDirectory(_ path: String) throws(FileError) {
    guard mkdir(path, 0o777) != 0 else { return }
    let code = errno
    // What is there may be refused with another code than EEXIST, where nothing can be written for example.
    var status = stat()
    let isThere = stat(path, &status) == 0
    guard isThere, status.st_mode & S_IFMT == S_IFDIR else {
        throw FileError("create the directory", path, code: isThere ? ENOTDIR : code, for: .writing)
    }
}

/// The directory that holds `path`, for the system, and the name in it.
public func splitPath(_ path: String) -> (directory: String, name: String) {
    // By bytes: a slash and a combining mark behind it are one Character.
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let name = String(path[path.utf8.index(after: slash)...])
    return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
}

/// Waits until the names in a directory are on the disk.
///
/// - Throws: `FileError`.
public func synchroniseDirectory(_ directory: String) throws(FileError) {
    let file = try OpenFile.waitless(directory)
    do {
        try file.synchronise()
    } catch where error.code == EINVAL {
        // Some file systems do not flush directories and say so: nothing more can be done there.
    }
}

/// The names in a directory, `.` and `..` among them, in no order.
///
/// - Throws: `FileError`.
public func fileNames(in directory: String) throws(FileError) -> [String] {
    guard let stream = opendir(directory) else { throw FileError("list", directory, code: errno, for: .reading) }
    // Closing what was only read loses nothing.
    defer { closedir(stream) }
    var names: [String] = []
    while true {
        errno = 0
        guard let entry = readdir(stream) else {
            guard errno == 0 else { throw FileError("list", directory, code: errno, for: .reading) }
            return names
        }
        // By address: an entry is shorter than the type's longest name.
        let address = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
        names.append(String(cString: address.assumingMemoryBound(to: CChar.self)))
    }
}
