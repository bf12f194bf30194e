#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// An open regular file, closed with its owner.
struct OpenFile: ~Copyable {
    let path: String
    private(set) var descriptor: Int32

    /// Opens a regular file for reading.
    static func reading(_ path: String) throws(CorpusError) -> OpenFile {
        let file = try OpenFile(path, flags: O_RDONLY, action: "read")
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw file.failure("read") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .file(path: path, action: "read", reason: "Not a regular file")
        }
        return file
    }

    /// Makes the file anew, empty, for writing.
    static func creating(_ path: String) throws(CorpusError) -> OpenFile {
        try OpenFile(path, flags: O_WRONLY | O_CREAT | O_TRUNC, action: "create")
    }

    private init(_ path: String, flags: Int32, action: String) throws(CorpusError) {
        let descriptor = open(path, flags | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CorpusError.file(path: path, action: action, reason: systemText(errno))
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        // Only files being read or given up get here open: nothing is lost by a failed close.
        if descriptor >= 0 { _ = systemClose(descriptor) }
    }

    /// Size in bytes.
    func size() throws(CorpusError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("read the size of") }
        return Int(status.st_size)
    }

    /// Everything from the current position to the end.
    func readToEnd() throws(CorpusError) -> [UInt8] {
        let expected = try size()
        var code: Int32 = 0
        // One byte more than the size, so that the end is seen without growing.
        var capacity = expected + 1
        var bytes: [UInt8] = []
        var atEnd = false
        while !atEnd && code == 0 {
            let chunk = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                while count < buffer.count {
                    let got = read(descriptor, buffer.baseAddress! + count, buffer.count - count)
                    if got < 0 && errno == EINTR { continue }
                    if got < 0 { code = errno }
                    if got <= 0 {
                        atEnd = true
                        break
                    }
                    count += got
                }
            }
            if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
            capacity = 1 << 16
        }
        guard code == 0 else {
            throw CorpusError.file(path: path, action: "read", reason: systemText(code))
        }
        return bytes
    }

    /// Writes all of `bytes` at `offset`.
    func write(_ bytes: RawSpan, at offset: Int) throws(CorpusError) {
        let code = bytes.withUnsafeBytes { source -> Int32 in
            var done = 0
            while done < source.count {
                let put = pwrite(
                    descriptor, source.baseAddress! + done, source.count - done,
                    off_t(offset + done))
                if put < 0 && errno == EINTR { continue }
                if put < 0 { return errno }
                done += put
            }
            return 0
        }
        guard code == 0 else {
            throw CorpusError.file(path: path, action: "write", reason: systemText(code))
        }
    }

    /// Waits until the contents are on the disk, then closes.
    mutating func synchronizeAndClose() throws(CorpusError) {
        guard fsync(descriptor) == 0 else { throw failure("flush") }
        let closing = descriptor
        descriptor = -1
        guard systemClose(closing) == 0 else { throw failure("close") }
    }

    private func failure(_ action: String) -> CorpusError {
        .file(path: path, action: action, reason: systemText(errno))
    }
}

/// The whole of a regular file.
func readFile(_ path: String) throws(CorpusError) -> [UInt8] {
    try OpenFile.reading(path).readToEnd()
}

/// Whether something of that name exists.
func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// Removes the file if it is there.
func removeFile(_ path: String) throws(CorpusError) {
    guard unlink(path) == 0 || errno == ENOENT else {
        throw CorpusError.file(path: path, action: "remove", reason: systemText(errno))
    }
}

/// The system's text for an error number.
func systemText(_ code: Int32) -> String { String(cString: strerror(code)) }

private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
