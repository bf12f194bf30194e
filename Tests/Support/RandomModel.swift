import Corpus
import Exchange
import Files
import Kernels
import Model

/// A small random model of the Llama family, with a tokenizer, as a directory that Hugging Face would have written.
public struct RandomModel: Sendable {
    /// Entries of the model's vocabulary; its tokenizer has fewer, as where embeddings are padded.
    public static let vocabularySize = 520, tokenizerSize = 512

    public let configuration: ModelConfiguration

    /// Four layers of width 48 with six query heads on two heads of keys and values, for 64 positions.
    ///
    /// - Parameters:
    ///   - tiesHead: whether the head is the token embedding.
    ///   - hasBias: whether queries, keys and values have biases, as Qwen2's.
    public init(tiesHead: Bool = true, hasBias: Bool = false) throws {
        configuration = try ModelConfiguration(
            vocabularySize: Self.vocabularySize, context: 64, width: 48, heads: 6, layers: 4,
            family: .llama(
                LlamaShape(
                    keyValueHeads: 2, headWidth: 12, feedForwardWidth: 80, normEpsilon: 1e-5,
                    rotation: RotaryPositions(base: 10_000), mostPositions: 64, hasInputBias: hasBias, tiesHead: tiesHead)))
    }

    /// Writes `config.json`, the weights and a tokenizer learnt from `text` into `directory`, which is made.
    public func write(to directory: String, text: Text) throws {
        let tokenizer = try BPETrainer.train(on: text, vocabularySize: Self.tokenizerSize)
        try tokenizer.save(to: directory)
        let arena = ParameterArena(ParameterLayout(configuration, .whole(configuration)))
        arena.initialize(seed: 5)
        // Biases and gains are to matter too.
        for parameter in arena.layout.parameters where parameter.shape.count == 1 {
            let noise = Buffer<Float>(uninitialized: parameter.range.count)
            Philox(key: UInt64(parameter.range.lowerBound)).fillNormal(noise, deviation: 0.1)
            for (i, place) in parameter.range.enumerated() { arena.values[place] += noise[i] }
        }
        try SafetensorsWriter.write(
            configuration.parameters.map { (name: $0.name, shape: $0.shape) },
            to: directory + "/" + SafetensorsModel.fileName
        ) { arena.layout.vector($0, in: arena.values) }
        try ReplacementFile.write(
            ModelDescriptionFile(
                configuration, startOfText: Int(tokenizer.endOfText), endOfText: Int(tokenizer.endOfText)
            ).bytes,
            to: directory + "/" + DescribedModel.fileName)
    }
}
