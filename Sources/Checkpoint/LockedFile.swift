import Files
import Foundation

/// Files of checkpoints, locked as HDF5 locks its own: readers share, a writer has it alone.
extension OpenFile {
    /// An empty file at `path`, locked against other writers.
    static func newCheckpoint(_ path: String) throws(CheckpointError) -> OpenFile {
        let file = try CheckpointError.naming { () throws(FileError) in try OpenFile.creating(path) }
        try file.lockAsHDF5(shared: false)
        // Only once it is ours: what stands in it may be a leftover or another writer's work.
        try CheckpointError.naming { () throws(FileError) in try file.empty() }
        return file
    }

    /// The regular file at `path`, for reading, locked against writers.
    static func checkpoint(_ path: String) throws(CheckpointError) -> OpenFile {
        let file = try CheckpointError.naming { () throws(FileError) in try OpenFile.waitless(path) }
        guard file.isRegular else { throw .notACheckpoint(path: path, reason: "it is not a regular file") }
        try file.lockAsHDF5(shared: true)
        return file
    }

    /// Whether a process is writing the file at `path`.
    static func isBusy(_ path: String) throws(CheckpointError) -> Bool {
        do {
            let file = try CheckpointError.naming { () throws(FileError) in try OpenFile.waitless(path) }
            try file.lockAsHDF5(shared: false)
            return false
        } catch .busy {
            return true
        }
    }

    /// Takes or changes this file's lock unless `HDF5_USE_FILE_LOCKING` forbids it.
    ///
    /// A file system without locks counts as free, save where the variable insists (`TRUE`), as in HDF5.
    func lockAsHDF5(shared: Bool) throws(CheckpointError) {
        let setting = getenv("HDF5_USE_FILE_LOCKING").map { String(cString: $0) }
        if setting == "FALSE" || setting == "0" { return }
        switch lock(shared: shared) {
        case .taken: return
        case .heldElsewhere: throw .busy(path: path)
        case .unsupported where setting != "TRUE" && setting != "1": return
        case .unsupported(let code), .failed(let code): throw .file(FileError("lock", path, code: code, for: .reading))
        }
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// - Throws: `damaged` where the file ends before.
    func fill(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(CheckpointError) {
        let count = try CheckpointError.naming { () throws(FileError) in try read(into: bytes, at: offset) }
        guard count == bytes.count else {
            throw .damaged(path: path, reason: "it ends at byte \(offset + count), too early")
        }
    }

    /// Bytes in the file.
    func length() throws(CheckpointError) -> Int { try CheckpointError.naming { () throws(FileError) in try size() } }
}
