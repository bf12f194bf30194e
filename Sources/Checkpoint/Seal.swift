import Files
import Kernels

/// The first 512 bytes of a checkpoint: text that tells its format, its length and the digest of all that follows.
///
/// HDF5 leaves a file's first bytes to its owner (the user block), and every reader of HDF5 skips them. Checking
/// them first finds any changed byte, in data, metadata and gaps alike, and HDF5 never sees a damaged file, which
/// it is not made to survive.
enum Seal {
    static let byteCount = 512
    private static let title = "drrl checkpoint"
    private static let slab = 1 << 20

    /// Reads everything after the seal and writes the seal for it.
    static func write(on file: borrowing OpenFile) throws(CheckpointError) {
        let length = try file.length()
        let text = text(format: Manifest.currentFormat, length: length, digest: try digest(of: file, length: length))
        try CheckpointError.naming { () throws(FileError) in try file.write(text.span.bytes, at: 0) }
    }

    /// - Throws: `CheckpointError` unless `file` is, byte for byte, what was sealed, in a format known here.
    static func verify(_ file: borrowing OpenFile) throws(CheckpointError) {
        let length = try file.length()
        guard length >= byteCount else {
            throw .notACheckpoint(path: file.path, reason: "its \(length) bytes are too few")
        }
        let seal = Buffer<UInt8>(uninitialized: byteCount)
        try seal.withBytes { bytes throws(CheckpointError) in try file.fill(bytes, at: 0) }
        let found = seal.array

        let lines = found.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        guard lines.first == title else {
            throw .notACheckpoint(path: file.path, reason: "it does not begin with \"\(title)\"")
        }
        guard let format = number(after: "format ", in: lines), let sealed = number(after: "length ", in: lines) else {
            throw .damaged(path: file.path, reason: "its first 512 bytes are not a seal")
        }
        guard format == Manifest.currentFormat else {
            throw .unsupportedFormat(path: file.path, found: format, supported: Manifest.currentFormat)
        }
        guard sealed == length else {
            throw .damaged(path: file.path, reason: "it has \(length) bytes where \(sealed) were written")
        }
        // Comparing the whole text leaves no byte of the seal unchecked.
        guard text(format: format, length: length, digest: try digest(of: file, length: length)) == found else {
            throw .damaged(path: file.path, reason: "its checksum does not match its bytes")
        }
    }

    private static func text(format: Int, length: Int, digest: UInt64) -> [UInt8] {
        let lines = "\(title)\nformat \(format)\nlength \(length)\nxxh64 \(digest.hexadecimal)\n"
        let padding = [UInt8](repeating: UInt8(ascii: " "), count: byteCount - lines.utf8.count - 1)
        return Array(lines.utf8) + padding + [UInt8(ascii: "\n")]
    }

    private static func number(after key: String, in lines: [String]) -> Int? {
        lines.first { $0.hasPrefix(key) }.flatMap { Int($0.dropFirst(key.count)) }
    }

    private static func digest(of file: borrowing OpenFile, length: Int) throws(CheckpointError) -> UInt64 {
        let buffer = Buffer<UInt8>(uninitialized: min(slab, length))
        var hash = XXH64()
        var offset = byteCount
        while offset < length {
            let count = min(slab, length - offset)
            try buffer[0..<count].withBytes { bytes throws(CheckpointError) in
                try file.fill(bytes, at: offset)
                hash.update(UnsafeRawBufferPointer(bytes))
            }
            offset += count
        }
        return hash.digest
    }
}
