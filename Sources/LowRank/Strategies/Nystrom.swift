import Model
import Options

/// Nyström attention; no level is named.
public struct NystromMode: SoftmaxApproximation {
    public static let name = "nystrom"

    static let landmarks = NamedOption<Int>("landmarks", "n", "For nystrom: landmarks a segment", otherwise: "8")
    public static let options = [AttentionOptionGroup([landmarks])]

    /// n, landmarks a segment.
    public let landmarks: Int

    public init(landmarks: Int) { self.landmarks = landmarks }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        landmarks = try given.value(of: Self.landmarks) ?? min(8, shape.segment)
        guard (1...shape.segment).contains(landmarks) else {
            throw ConfigurationError(
                "\(option: Self.landmarks.name) is \(landmarks); it must lie between 1 and the segment's "
                    + "\(shape.segment) tokens")
        }
    }

    public var values: [(option: any AnyOption, text: String?)] { [(Self.landmarks, "\(landmarks)")] }
    public var settings: [String: Double] { ["landmarks": Double(landmarks)] }

    public func summary(segment: Int) -> String {
        "nystrom, \(landmarks) landmarks for each segment of \(segment) tokens"
    }

    public func kind(segment: Int, seed: UInt64) -> AttentionKind { .nystrom(landmarks: landmarks, segment: segment) }
}

extension AttentionMode where Self == NystromMode {
    public static func nystrom(landmarks: Int) -> NystromMode { NystromMode(landmarks: landmarks) }
}
