import Model
import Options

/// A level of the list, drawn for each step, sample, layer and segment.
public struct RandomLevels: Strategy {
    public static let name = "random"
    public static let isReference = true

    /// Probabilities of the levels, [N][K], in any unit; nil where all are alike.
    public let shares: [[Double]]?

    public init(_ shares: [[Double]]? = nil) { self.shares = shares }
    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) { shares = nil }

    public func check(_ levels: [Level], _ configuration: ModelConfiguration) throws(LevelError) {
        let count = try LevelList(levels, headWidth: configuration.headWidth).count, N = configuration.layers
        guard let shares else { return }
        guard shares.count == N, shares.allSatisfy({ $0.count == count && $0.reduce(0, +) > 0 }) else {
            throw LevelError(description: "a histogram needs \(count) shares for each of \(N) layers")
        }
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options, draw = LevelDraw(seed: pass.seed, step: pass.step)
        return { [shares] input, batch in
            let own = shares?[input.layer] ?? options.levels.map { _ in 1 }
            return options.decisions(for: batch) { sequence, segment in
                let drawn = draw(sample: batch.samples[sequence], layer: input.layer, segment: segment)
                return options.levels[LevelDraw.index(of: drawn, among: own)]
            }
        }
    }

    private enum CodingKeys: String, CodingKey { case shares = "_0" }
}

extension AttentionMode where Self == RandomLevels {
    public static func random(_ shares: [[Double]]? = nil) -> RandomLevels { RandomLevels(shares) }
}
