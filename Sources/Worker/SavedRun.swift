import Kernels
import LowRank
import Model
import Options

/// What a checkpoint's `/config` holds: enough to know whether a run can go on from it.
public struct SavedRun: Codable, Equatable, Sendable {
    /// The model's shape.
    public var model: ModelConfiguration
    /// How it is trained.
    public var training: TrainingOptions
    /// How attention ran; nil in checkpoints of before there was a choice.
    public var ranks: RankOptions?
    /// Of the linear maps' products; nil in checkpoints of before there was a choice, which is float32.
    public var precision: Precision?

    /// The configuration of a run as checkpoints hold it.
    public init(
        model: ModelConfiguration, training: TrainingOptions, ranks: RankOptions? = nil, precision: Precision? = nil
    ) {
        self.model = model
        self.training = training
        self.ranks = ranks
        self.precision = precision
    }

    /// - Throws: `ConfigurationError` where a run of shape `wanted` cannot go on from here, the checkpoint at `path`.
    public func requireSameModel(_ wanted: ModelConfiguration, path: String) throws(ConfigurationError) {
        guard let mismatch = mismatch(with: wanted) else { return }
        throw ConfigurationError(
            "\(path): \(mismatch); give the model's own options (\(option: "init"), where it started from a model), or use "
                + "another \(option: "run-dir") or \(option: "resume") none")
    }

    /// Why a run of shape `wanted` cannot go on from here; nil if it can.
    public func mismatch(with wanted: ModelConfiguration) -> String? {
        guard model.familyName == wanted.familyName else {
            return "it holds a \(model.familyName) model where this run asks for a \(wanted.familyName) model "
                + "(\(option: "init") names one)"
        }
        let pairs: [(String, Int, Int)] = [
            ("vocabulary", model.vocabularySize, wanted.vocabularySize), ("context", model.context, wanted.context),
            ("width", model.width, wanted.width), ("heads", model.heads, wanted.heads),
            ("layers", model.layers, wanted.layers),
        ]
        let different = pairs.filter { $0.1 != $0.2 }
        if different.isEmpty {
            return model.family == wanted.family ? nil : "it holds a \(model.familyName) model of another shape"
        }
        return "it holds a model with " + different.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            + " where this run asks for " + different.map { "\($0.2)" }.joined(separator: ", ")
    }
}

/// What a resumed run goes on from.
public struct RestoredRun: Sendable {
    /// The options it ran with.
    public let run: SavedRun
    /// The texts that the run was reading.
    public let corpus: SavedCorpus
    /// On rank 0, why the trace of levels begins anew; nil where it goes on.
    public let traceNote: String?
}

/// Which text a run reads: `/data/source`.
public struct SavedCorpus: Codable, Equatable, Sendable {
    /// Where the text was, as the run named it.
    public var path: String
    /// SHA-256 of the text.
    public var sourceHash: String
    /// SHA-256 of the tokenizer's files.
    public var tokenizerHash: String
    /// Tokens in its shard.
    public var tokens: Int
    /// The held-out text; nil where there is none, and in checkpoints of before it was kept.
    public var heldOut: HeldOutText?

    /// Name and content of a held-out text.
    public struct HeldOutText: Codable, Equatable, Sendable {
        /// Where the text was, as the run named it.
        public var path: String
        /// SHA-256 of the text.
        public var sourceHash: String

        /// The text at `path` with that hash.
        public init(path: String, sourceHash: String) {
            self.path = path
            self.sourceHash = sourceHash
        }
    }

    /// The text at `path` with these hashes, of so many tokens, and what is held out.
    public init(path: String, sourceHash: String, tokenizerHash: String, tokens: Int, heldOut: HeldOutText? = nil) {
        self.path = path
        self.sourceHash = sourceHash
        self.tokenizerHash = tokenizerHash
        self.tokens = tokens
        self.heldOut = heldOut
    }
}
