import Checkpoint
import Communicator
import Kernels
import Transformer

/// The tokenizer's files as a checkpoint carries them.
public struct SavedTokenizer: Sendable {
    public let encoder, merges: [UInt8]
    public let hash: String

    public init(encoder: [UInt8], merges: [UInt8], hash: String) {
        self.encoder = encoder
        self.merges = merges
        self.hash = hash
    }
}

extension Worker {
    /// Collective: saves the run as it stands in `directory`, then removes all but the newest `keep` checkpoints.
    /// Returns the checkpoint's path on rank 0.
    ///
    /// Rank 0 writes; the other stages of its replica send it their parameters one by one. Throws `AgreedError` on every
    /// rank when the file could not be written, and `MPIError`.
    @discardableResult
    public func save(
        in directory: String, keep: Int, corpus: SavedCorpus, tokenizer: SavedTokenizer
    ) throws -> String? {
        let isRoot = grid.topology.rank == 0
        let whole = ParameterLayout(configuration, .whole(configuration))
        var writer: CheckpointWriter?
        try grid.agree {
            if isRoot { writer = try begin(in: directory, whole: whole, corpus: corpus, tokenizer: tokenizer) }
        }
        // A failed write must not leave the senders waiting, so everything is received all the same.
        var failure: (any Error)?
        for (array, name) in [
            (stage.parameters.values, CheckpointLayout.parameter),
            (stage.parameters.firstMoment, CheckpointLayout.firstMoment),
            (stage.parameters.secondMoment, CheckpointLayout.secondMoment),
        ] {
            for parameter in whole.parameters {
                guard let elements = try collect(parameter, from: array) else { continue }
                guard failure == nil else { continue }
                do {
                    try writer?.write(name(parameter.name), shape: parameter.shape, elements)
                } catch {
                    failure = error
                }
            }
        }
        return try grid.agree {
            if let failure { throw failure }
            guard let finished = writer.take() else { return nil }
            let path = try finished.commit()
            try CheckpointDirectory(directory).prune(keep: keep, upTo: step)
            return path
        }
    }

    private func begin(
        in directory: String, whole: ParameterLayout, corpus: SavedCorpus, tokenizer: SavedTokenizer
    ) throws -> CheckpointWriter {
        let count = whole.parameters.reduce(0) { $0 + $1.range.count }
        var writer = try CheckpointWriter(
            directory: directory, step: step, expectedBytes: 3 * count * MemoryLayout<Float>.size)
        try writer.write(CheckpointLayout.config, json: SavedRun(model: configuration, training: options))
        try writer.write(CheckpointLayout.dataCursor, scalar: Int64(cursor))
        try writer.write(CheckpointLayout.dataSource, json: corpus)
        try writer.write(CheckpointLayout.randomKey, scalar: options.seed)
        try writer.write(CheckpointLayout.tokenizerEncoder, bytes: tokenizer.encoder)
        try writer.write(CheckpointLayout.tokenizerMerges, bytes: tokenizer.merges)
        try writer.write(CheckpointLayout.tokenizerHash, text: tokenizer.hash)
        return writer
    }

    /// On rank 0 the parameter's elements, from whichever stage of replica 0 holds them; nil elsewhere.
    private func collect(_ parameter: Parameter, from array: Buffer<Float>) throws -> Buffer<Float>? {
        let topology = grid.topology
        guard topology.replica == 0 else { return nil }
        let owner = try owner(of: parameter)
        if topology.stage == owner, let own = stage.parameters.layout[parameter.name] {
            if owner == 0 { return array[own.range] }
            try grid.sameReplica.send(array[own.range], to: 0, tag: 0)
        } else if topology.stage == 0 {
            let elements = Buffer<Float>(uninitialized: parameter.range.count)
            try grid.sameReplica.receive(into: elements, from: owner, tag: 0)
            return elements
        }
        return nil
    }

    /// The first stage that holds a parameter.
    private func owner(of parameter: Parameter) throws -> Int {
        let placements = try StagePlacement.split(configuration, stages: grid.topology.stages)
        guard let owner = placements.firstIndex(where: { ParameterLayout(configuration, $0)[parameter.name] != nil })
        else { preconditionFailure("\(parameter.name) is on no stage") }
        return owner
    }
}
