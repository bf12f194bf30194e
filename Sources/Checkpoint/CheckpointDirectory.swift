import Files

/// A finished checkpoint's file and the step in its name.
public struct CheckpointFile: Equatable, Sendable {
    /// Its path.
    public let path: String
    /// The step in its name.
    public let step: Int
}

/// What `newestVerified` found.
public struct NewestCheckpoint: Sendable {
    /// A checkpoint passed over, and why.
    public struct Skipped: Sendable {
        /// Its path.
        public let path: String
        /// Why it does not serve.
        public let reason: CheckpointError
    }

    /// The newest checkpoint that verifies; nil if none does.
    public let checkpoint: CheckpointFile?
    /// Newer ones that do not, newest first.
    public let skipped: [Skipped]
}

/// A directory with the checkpoints of one run, `checkpoint-00000200.h5` and so on.
public struct CheckpointDirectory: Sendable {
    /// The directory's path, as the system takes it.
    public let path: String

    static let temporarySuffix = ".partial"
    private static let prefix = "checkpoint-"
    private static let suffix = ".h5"

    /// The directory at `path`, which need not be there yet.
    public init(_ path: String) {
        self.path = path
    }

    /// The name of the checkpoint of `step`.
    public static func fileName(step: Int) -> String {
        let digits = String(step)
        return prefix + String(repeating: "0", count: max(8 - digits.count, 0)) + digits + suffix
    }

    /// The finished checkpoints, newest first, unopened. A directory that does not exist has none.
    ///
    /// - Throws: `CheckpointError`.
    public func checkpoints() throws(CheckpointError) -> [CheckpointFile] {
        try names().compactMap { name in
            Self.step(inName: name).map { CheckpointFile(path: path + "/" + name, step: $0) }
        }.sorted { $0.step > $1.step }
    }

    /// The newest checkpoint whose every byte is as it was written, and the newer ones that are damaged.
    ///
    /// - Throws: `CheckpointError` where the newest cannot be looked at for the moment: locked, not readable, or of a format
    ///   that this version does not know. That says nothing against its bytes, so no older one takes its place.
    public func newestVerified() throws(CheckpointError) -> NewestCheckpoint {
        var skipped: [NewestCheckpoint.Skipped] = []
        for file in try checkpoints() {
            do throws(CheckpointError) {
                let step = try CheckpointReader(path: file.path).step
                guard step == file.step else {
                    throw CheckpointError.malformed(path: file.path, object: "/", reason: "it holds step \(step)")
                }
                return NewestCheckpoint(checkpoint: file, skipped: skipped)
            } catch where error.isDamage {
                skipped.append(NewestCheckpoint.Skipped(path: file.path, reason: error))
            }
        }
        return NewestCheckpoint(checkpoint: nil, skipped: skipped)
    }

    /// Removes checkpoints beyond the newest `keep` (≥ 1) and what killed writers left.
    ///
    /// Call it after a successful `commit()`, with the step just saved as `upTo`: then checkpoints of later steps,
    /// which a run resumed from an earlier step may find here, neither count nor go.
    ///
    /// - Returns: the paths removed.
    /// - Throws: `CheckpointError`.
    @discardableResult
    public func prune(keep: Int, upTo newest: Int = .max) throws(CheckpointError) -> [String] {
        guard keep >= 1 else {
            throw .misuse(path: path, name: "keep \(keep)", reason: "at least the newest checkpoint is kept")
        }
        let old = try checkpoints().filter { $0.step <= newest }.dropFirst(keep).map(\.path)
        for path in old { try CheckpointError.naming { () throws(FileError) in try removeFile(path) } }
        return try old + removeLeftovers()
    }

    /// Removes what killed writers left.
    ///
    /// - Returns: the paths removed.
    /// - Throws: `CheckpointError`.
    @discardableResult
    public func removeLeftovers() throws(CheckpointError) -> [String] {
        var stale: [String] = []
        for name in try names() {
            guard name.hasSuffix(Self.temporarySuffix),
                Self.step(inName: String(name.dropLast(Self.temporarySuffix.count))) != nil
            else { continue }
            let partial = path + "/" + name
            if try !OpenFile.isBusy(partial) { stale.append(partial) }
        }
        for path in stale { try CheckpointError.naming { () throws(FileError) in try removeFile(path) } }
        return stale
    }

    /// Gives the checkpoint of `step` a name that no run goes on from: its own and `.diverged`.
    ///
    /// - Returns: the new path; nil where there is no such checkpoint.
    /// - Throws: `CheckpointError`.
    public func retire(step: Int) throws(CheckpointError) -> String? {
        guard let file = try checkpoints().first(where: { $0.step == step }) else { return nil }
        let retired = file.path + ".diverged"
        try CheckpointError.naming { () throws(FileError) in
            try SystemFile.move(file.path, to: retired)
            try synchroniseDirectory(path)
        }
        return retired
    }

    /// How many further checkpoints of `bytes` the directory's file system and the file size limit allow.
    ///
    /// - Throws: `CheckpointError` where not even one fits.
    public func room(forBytes bytes: Int) throws(CheckpointError) -> Int {
        try Self.requireRoom(bytes, in: path)
        return try CheckpointError.naming { () throws(FileError) in try DiskSpace.available(in: path) } / max(bytes, 1)
    }

    /// Refuses, before the first byte, a checkpoint of `bytes` that exceeds the free space or the file size limit.
    static func requireRoom(_ bytes: Int, in directory: String) throws(CheckpointError) {
        guard bytes > 0 else { return }
        let available = try CheckpointError.naming { () throws(FileError) in try DiskSpace.available(in: directory) }
        guard bytes <= available else { throw .noRoom(path: directory, needed: bytes, available: available) }
        try CheckpointError.naming { () throws(FileError) in try DiskSpace.requireFileSize(bytes, in: directory) }
    }

    /// The step that a finished checkpoint's name tells; nil for other names.
    private static func step(inName name: String) -> Int? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
        // Comparing the whole name refuses signs, other digits and other paddings.
        guard let step = Int(digits), step >= 0, fileName(step: step) == name else { return nil }
        return step
    }

    /// The names in the directory; none where there is no such directory.
    private func names() throws(CheckpointError) -> [String] {
        do {
            return try fileNames(in: path)
        } catch where error.isOfNothing {
            return []
        } catch {
            throw .file(error)
        }
    }
}
