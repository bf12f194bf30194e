import Files
import HDF5

/// Why a checkpoint could not be written or read. The description is one line that names the file and what to do.
public enum CheckpointError: FileErrorHolder, Equatable, Sendable {
    /// A file that could not be read or written.
    case file(FileError)
    /// The file system of `path` has too little room for a checkpoint of `needed` bytes.
    case noRoom(path: String, needed: Int, available: Int)
    /// Another process writes `path`.
    case busy(path: String)
    /// The file was never a checkpoint.
    case notACheckpoint(path: String, reason: String)
    /// A checkpoint of a format that this version does not know.
    case unsupportedFormat(path: String, found: Int, supported: Int)
    /// A checkpoint whose bytes are not those that were written.
    case damaged(path: String, reason: String)
    /// A whole file whose content breaks the rules of checkpoints.
    case malformed(path: String, object: String, reason: String)
    /// No dataset or attribute of that name.
    case missing(path: String, name: String)
    /// A dataset of another type or shape than asked for.
    case mismatch(path: String, name: String, expected: String, found: String)
    /// A call that makes no sense, such as rows that do not fill a dataset.
    case misuse(path: String, name: String, reason: String)
    /// A call that the library refused.
    case hdf5(HDF5Error)
}

extension CheckpointError {
    /// Whether it speaks against the file's bytes; if not, the same file may serve another time or another program.
    public var isDamage: Bool {
        switch self {
        case .file, .noRoom, .busy, .unsupportedFormat: false
        case .notACheckpoint, .damaged, .malformed, .missing, .mismatch, .misuse, .hdf5: true
        }
    }
}

extension CheckpointError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let error):
            "cannot \(error.action) \(error.path): \(error.reason)\(error.remedy)"
        case .noRoom(let path, let needed, let available):
            "no room for a checkpoint of \(needed) bytes at \(path): \(available) bytes are free; "
                + "free space or choose another directory"
        case .busy(let path):
            "\(path) is locked by another process; wait for that process or stop it, then start again"
        case .notACheckpoint(let path, let reason):
            "\(path) is not a drrl checkpoint: \(reason); choose another file"
        case .unsupportedFormat(let path, let found, let supported):
            "\(path) has checkpoint format \(found), this program reads format \(supported); "
                + "use the version that wrote it"
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason); use another checkpoint"
        case .malformed(let path, let object, let reason):
            "\(path) is not a valid checkpoint: \(object): \(reason); use another checkpoint"
        case .missing(let path, let name):
            "\(path) has no \(name); use a checkpoint of this kind of run"
        case .mismatch(let path, let name, let expected, let found):
            "\(path): \(name) is \(found) where \(expected) is expected; use a checkpoint of the same configuration"
        case .misuse(let path, let name, let reason):
            "\(path): \(name): \(reason)"
        case .hdf5(let error):
            "\(error)"
        }
    }
}
