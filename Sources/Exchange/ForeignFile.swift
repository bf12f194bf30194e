import Files
import JSON
import Kernels

/// A file that another program wrote: a regular one, read where it is asked for, by any number of threads.
struct ForeignFile: ~Copyable, Sendable {
    /// In bytes, when it was opened.
    let size: Int
    private let file: OpenFile

    var path: String { file.path }

    init(_ path: String) throws(ExchangeError) {
        let opened = try ExchangeError.naming { () throws(FileError) in try OpenFile.regular(path) }
        size = try ExchangeError.naming { () throws(FileError) in try opened.size() }
        file = opened
    }

    /// Fills `buffer` with the file's bytes from `offset` on.
    func read<Element>(into buffer: Buffer<Element>, at offset: Int) throws(ExchangeError) {
        try buffer.withBytes { bytes throws(ExchangeError) in
            let count = try ExchangeError.naming { () throws(FileError) in try file.read(into: bytes, at: offset) }
            guard count == bytes.count else {
                throw .malformed(path: path, place: nil, problem: "it became shorter while it was read")
            }
        }
    }

    /// `count` bytes from `offset` on.
    func bytes(at offset: Int, count: Int) throws(ExchangeError) -> [UInt8] {
        let buffer = Buffer<UInt8>(uninitialized: count)
        try read(into: buffer, at: offset)
        return buffer.array
    }

    /// All of it.
    ///
    /// - Parameter limit: The most bytes that such a file is believed to have.
    func contents(limit: Int) throws(ExchangeError) -> [UInt8] {
        guard size <= limit else {
            throw .malformed(path: path, place: nil, problem: "\(size) bytes, such a file has \(limit) at most")
        }
        return try bytes(at: 0, count: size)
    }
}
