import ArgumentParser
import LowRank
import Model
import Options

/// The shape of the model that a benchmark runs on random tokens.
public struct ModelOptions: ParsableArguments {
    @Option(help: "Layers.") public var layers = 6
    @Option(help: "Width of the residual stream.") public var width = 512
    @Option(help: "Attention heads a layer.") public var heads = 8
    @Option(help: "Tokens in a sequence.") public var context = 1024
    @Option(help: "Entries of the vocabulary, at most 2^20.") public var vocabulary = 50257

    public init() {}

    public mutating func validate() throws {
        guard (1...1 << 20).contains(vocabulary) else {
            throw ValidationError("--vocabulary is \(vocabulary); it must lie between 1 and \(1 << 20)")
        }
    }

    /// - Throws: `ConfigurationError`.
    public func model() throws -> ModelConfiguration {
        try ModelConfiguration(
            vocabularySize: vocabulary, context: context, width: width, heads: heads, layers: layers)
    }

    /// Full attention, with the statistics that every training step gathers.
    ///
    /// - Throws: `ConfigurationError`.
    public func ranks() throws -> RankOptions { Self.ranks(of: try model()) }

    /// The same for a model that is given otherwise.
    public static func ranks(of model: ModelConfiguration) -> RankOptions {
        RankOptions(
            mode: .full, levels: RankOptions.defaultLevels(headWidth: model.headWidth, exact: false), segment: model.context)
    }
}

/// - Throws: where an option that counts something is below its least, 1 unless told.
public func require(_ options: [(name: String, value: Int)], atLeast least: Int = 1) throws {
    for (name, value) in options where value < least {
        throw ValidationError("--\(name) is \(value); it must be at least \(least)")
    }
}
