import Kernels

/// What goes through the model at once: `sequences` × `length` tokens.
public struct MicroBatch: Sendable {
    /// B, number of sequences.
    public let sequences: Int
    /// Tokens a sequence, at most the model's context.
    public let length: Int
    /// [B × length] input tokens.
    public let tokens: Buffer<Int32>
    /// [B × length] next tokens; a negative one is not counted.
    public let targets: Buffer<Int32>
    /// [B] global sample indices, which decide what dropout drops.
    public let samples: [UInt64]

    /// A batch of these tokens, [sequences × length]; `targets` likewise, `samples`: [sequences].
    public init(sequences: Int, length: Int, tokens: Buffer<Int32>, targets: Buffer<Int32>, samples: [UInt64]) {
        precondition(tokens.count == sequences * length && targets.count == tokens.count && samples.count == sequences)
        self.sequences = sequences
        self.length = length
        self.tokens = tokens
        self.targets = targets
        self.samples = samples
    }

    /// The same tokens with other targets.
    public func replacing(targets: Buffer<Int32>) -> MicroBatch {
        MicroBatch(sequences: sequences, length: length, tokens: tokens, targets: targets, samples: samples)
    }

    /// The shape of a batch of vectors, for an encoder, which reads no tokens.
    static func vectors(sequences: Int, length: Int) -> MicroBatch {
        let none = Buffer<Int32>(count: sequences * length, repeating: 0)
        return MicroBatch(
            sequences: sequences, length: length, tokens: none, targets: none,
            samples: Array(repeating: 0, count: sequences))
    }

    /// Rows of every activation matrix.
    public var rows: Int { sequences * length }
}
