import Model
import Options

/// What has a name on the command line: a way of attending, or a row of `drrl compare` that follows from others.
public protocol NamedChoice: Sendable {
    static var name: String { get }
}

/// A way of attending, as a run names it: `FullAttention`, a `Strategy`, which names levels, or a
/// `SoftmaxApproximation`, which has none.
///
/// In a checkpoint it is an object under its name, `{"energy": {"_0": 0.9}}`: keys such as `_0` are those of the first
/// checkpoints.
public protocol AttentionMode: NamedChoice, Codable, Equatable, Sendable {
    /// Its options, in the order of help.
    static var options: [AttentionOptionGroup] { get }
    /// Why it takes no list of levels; nil where it has one.
    static var listRefusal: String? { get }

    /// From the options that were given.
    ///
    /// - Throws: `ConfigurationError` for a value that cannot be, or one that is missing.
    init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError)

    /// The options that give it again, in the order of `run.yaml`; nil for one that is not set.
    var values: [(option: any AnyOption, text: String?)] { get }
    /// Those of `values` that an evaluation of its checkpoint takes where they are not given.
    var keptValues: [(option: any AnyOption, text: String?)] { get }
    /// The numbers that a report of an evaluation names it with.
    var settings: [String: Double] { get }
    /// It in a few words, for a person.
    func summary(segment: Int) -> String
    /// The levels that bases are kept for where `list` was asked for.
    func levels(from list: [Level]) -> [Level]
    /// How layers attend where no level is named; `seed` is the run's.
    func kind(segment: Int, seed: UInt64) -> AttentionKind
    /// Bytes that it holds on a rank, Grams, bases and trace aside.
    func bytes(_ configuration: ModelConfiguration, _ options: RankOptions, on share: RankShare) -> Double
    /// - Throws: `LevelError` where levels are not nested or exceed the head width, or do not fit the layers.
    func check(_ levels: [Level], _ configuration: ModelConfiguration) throws(LevelError)
}

/// What options of attention are resolved against.
public struct OptionContext: Sendable {
    /// d.
    public let headWidth: Int
    /// T, tokens a segment.
    public let segment: Int

    public init(headWidth: Int, segment: Int) {
        self.headWidth = headWidth
        self.segment = segment
    }
}

/// One rank's part of a run, as far as memory goes.
public struct RankShare: Sendable {
    public let layers, sequences, threads: Int

    public init(layers: Int, sequences: Int, threads: Int) {
        self.layers = layers
        self.sequences = sequences
        self.threads = threads
    }
}

extension AttentionMode {
    public static var options: [AttentionOptionGroup] { [] }
    public static var listRefusal: String? { nil }
    public var values: [(option: any AnyOption, text: String?)] { [] }
    public var keptValues: [(option: any AnyOption, text: String?)] { values }
    public var settings: [String: Double] { [:] }
    public func summary(segment: Int) -> String { Self.name }
    public func levels(from list: [Level]) -> [Level] { list }
    public func kind(segment: Int, seed: UInt64) -> AttentionKind { .softmax }
    public func bytes(_ configuration: ModelConfiguration, _ options: RankOptions, on share: RankShare) -> Double { 0 }

    public func check(_ levels: [Level], _ configuration: ModelConfiguration) throws(LevelError) {
        _ = try LevelList(levels, headWidth: configuration.headWidth)
    }

    func equals(_ other: any AttentionMode) -> Bool { other as? Self == self }
}

/// A mode under its name, as checkpoints hold it.
struct CodedMode: Codable {
    let mode: any AttentionMode

    init(_ mode: any AttentionMode) { self.mode = mode }

    private struct Name: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { return nil }
    }

    init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        guard let name = container.allKeys.first, let type = AttentionRegistry.mode(named: name.stringValue) else {
            throw DecodingError.dataCorrupted(.init(
                codingPath: decoder.codingPath,
                debugDescription: "attention \(container.allKeys.map(\.stringValue)) is none that this version knows"))
        }
        func decoded<Mode: AttentionMode>(_ type: Mode.Type) throws -> any AttentionMode {
            try container.decode(Mode.self, forKey: name)
        }
        mode = try decoded(type)
    }

    func encode(to encoder: any Swift.Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        try container.encode(mode, forKey: Name(type(of: mode).name))
    }
}
