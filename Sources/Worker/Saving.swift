import Checkpoint
import Communicator
import HDF5
import Kernels
import LowRank

extension Worker {
    /// All that a checkpoint keeps of the run in arrays, in the order in which they are written.
    var parts: [any Persistent] {
        [ParameterArray.weights(of: stage)] + ParameterArray.adapters(of: stage) + ParameterArray.moments(of: stage) + ranks.parts
    }

    /// Bytes that the next checkpoint takes, tokenizer and metadata aside.
    public var checkpointByteCount: Int { parts.reduce(trace.byteCount) { $0 + $1.byteCount } }

    /// Collective: saves the run as it stands in `directory`.
    ///
    /// Rank 0 writes; the other stages of its replica send it their parameters one by one.
    ///
    /// - Returns: on rank 0, the checkpoint's path.
    /// - Throws: `NonFiniteError` on every rank, with nothing written, where weights, moments, Grams or policy are not
    ///   finite; `AgreedError` when the file could not be written; and `MPIError`.
    @discardableResult
    public func save(in directory: String, corpus: SavedCorpus, tokenizer: SavedTokenizer) throws -> String? {
        let parts = parts
        try requireFinite(parts)
        var writer: CheckpointWriter?
        try grid.agree {
            guard grid.topology.rank == 0 else { return }
            var opened = try CheckpointWriter(directory: directory, step: step, expectedBytes: checkpointByteCount)
            try opened.write(
                RunRecord(
                    run: SavedRun(model: configuration, training: options, ranks: ranks.options, precision: team.precision),
                    corpus: corpus, cursor: Int64(cursor), seed: options.seed, tokenizerHash: tokenizer.hash),
                tokenizer)
            if let adapter = stage.adapters?.placed { try opened.write(adapter.configuration) }
            try opened.write(trace)
            if let known = ranks.calibrated { try opened.write(known.levels) }
            writer = consume opened
        }
        let failure = try grid.store(parts, in: &writer)
        return try grid.agree {
            if let failure { throw failure }
            guard let finished = writer.take() else { return nil }
            return try finished.commit()
        }
    }

    /// Collective: throws `NonFiniteError` on every rank where what any of them would save is not finite.
    private func requireFinite(_ parts: [any Persistent]) throws {
        let fault = parts.first { !$0.entries.allSatisfy(\.isFinite) }
        if let remote = try grid.world.vote(fault?.noun) {
            throw NonFiniteError(step: step, what: "\(remote.message) on rank \(remote.rank) after the update")
        }
    }
}

extension Grid {
    /// Collective: rank 0, which has the writer, writes the parts' entries in order; those that it does not hold come, one by
    /// one, from the first stage of its replica that does.
    ///
    /// - Returns: on rank 0, why an entry could not be written. A failed write must not leave senders waiting, so the rest
    ///   is received all the same.
    /// - Throws: `MPIError`.
    public func store(_ parts: [any Persistent], in writer: inout CheckpointWriter?) throws -> (any Error)? {
        guard topology.replica == 0 else { return nil }
        let entries = parts.flatMap(\.entries)
        let holders = Buffer(entries.map { Int32($0.isHeld ? topology.stage : topology.stages) })
        try sameReplica.allreduce(holders, .min)
        var failure: (any Error)?
        func store<Element: MPIElement & StoredElement>(
            _ entry: PersistentEntry, _ pieces: [Buffer<Element>]?, from holder: Int
        ) throws {
            precondition(holder < topology.stages, "\(entry.path) is on no stage")
            guard let elements = try collect(pieces, count: entry.count, from: holder), failure == nil else { return }
            do {
                try writer?.write(entry.path, shape: entry.shape, elements)
            } catch {
                failure = error
            }
        }
        for (i, entry) in entries.enumerated() {
            switch entry.elements {
            case .float32(let pieces): try store(entry, pieces, from: Int(holders[i]))
            case .float64(let pieces): try store(entry, pieces, from: Int(holders[i]))
            }
        }
        return failure
    }

    /// On the first stage the `count` elements that stage `holder` has, which are `pieces` there; nil elsewhere.
    private func collect<Element: MPIElement>(
        _ pieces: [Buffer<Element>]?, count: Int, from holder: Int
    ) throws -> Buffer<Element>? {
        if topology.stage == 0 {
            if holder == 0 { return pieces.map(Buffer.init(joining:)) }
            let elements = Buffer<Element>(uninitialized: count)
            try sameReplica.receive(into: elements, from: holder, tag: 0)
            return elements
        }
        if topology.stage == holder, let pieces { try sameReplica.send(Buffer(joining: pieces), to: 0, tag: 0) }
        return nil
    }
}

extension CheckpointWriter {
    /// Writes what this rank holds of a part; `Grid.store` is for parts that several ranks hold together.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ part: some Persistent) throws(CheckpointError) {
        for entry in part.entries {
            switch entry.elements {
            case .float32(let pieces?): try write(entry.path, shape: entry.shape, Buffer(joining: pieces))
            case .float64(let pieces?): try write(entry.path, shape: entry.shape, Buffer(joining: pieces))
            case .float32(nil), .float64(nil): continue
            }
        }
    }
}
