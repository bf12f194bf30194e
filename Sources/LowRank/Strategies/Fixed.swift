import Model
import Options

/// One level everywhere, or one for each of the model's layers.
public struct FixedLevels: Strategy {
    public static let name = "fixed"
    public static let listRefusal: String? = "runs at one: use \(option: level.name) or \(option: rank.name)"

    static let rank = NamedOption<Int>(
        "rank", "r", "For fixed: this rank for scores and values.", .within(1...Int.max),
        excludes: ["level"], restsOn: ["width", "heads"])
    static let level = NamedOption<String>(
        "level", "s:v", "For fixed: a score rank and a value rank, or such a pair for each layer, apart by commas.",
        isText: true, excludes: ["rank"], restsOn: ["width", "heads"])
    public static let options = [AttentionOptionGroup([rank, level], standsTogether: true)]

    /// One, or as many as layers.
    public let levels: [Level]

    public init(_ levels: [Level]) { self.levels = levels }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        do {
            switch (try given.value(of: Self.rank), given[Self.level]) {
            case (let rank?, nil):
                levels = [Level(scoreRank: rank, valueRank: rank)]
            case (nil, let text?):
                levels = try text.split(separator: ",", omittingEmptySubsequences: false).map {
                    try Level(parsing: String($0))
                }
            default:
                throw ConfigurationError(
                    "\(option: "attention") fixed needs one of \(option: Self.rank.name) R and "
                        + "\(option: Self.level.name) S:V")
            }
            for level in levels { _ = try LevelList([level], headWidth: shape.headWidth) }
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError("\(error)")
        }
    }

    public var values: [(option: any AnyOption, text: String?)] {
        [(Self.level, levels.map(\.description).joined(separator: ","))]
    }

    public func levels(from list: [Level]) -> [Level] { levels }

    public func levels(ofLayer layer: Int, among list: [Level]) -> [Level] {
        [levels.count == 1 ? levels[0] : levels[layer]]
    }

    public func check(_ list: [Level], _ configuration: ModelConfiguration) throws(LevelError) {
        let N = configuration.layers
        guard levels.count == 1 || levels.count == N else {
            throw LevelError(description: "\(levels.count) fixed levels for \(N) layers; give one, or one a layer")
        }
        for level in levels { _ = try LevelList([level], headWidth: configuration.headWidth) }
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options
        return { input, batch in
            let level = options.levels(ofLayer: input.layer)[0]
            return options.decisions(for: batch) { _, _ in level }
        }
    }

    private enum CodingKeys: String, CodingKey { case levels = "_0" }
}

extension FixedLevels: DerivedStrategy {
    /// Each level of the list, everywhere.
    public static func rows(
        among levels: [Level], layers: Int, reference: () throws -> ReferenceRun, costs: () throws -> [Double],
        loss: ([Int]) throws -> Double
    ) -> DerivedRows {
        DerivedRows(levels.map { DerivedRow(names: ["fixed \($0)"], strategy: FixedLevels([$0])) })
    }
}

extension AttentionMode where Self == FixedLevels {
    public static func fixed(_ levels: [Level]) -> FixedLevels { FixedLevels(levels) }
}
