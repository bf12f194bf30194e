/// A number of `metrics.jsonl`: its key, and how the parts of all ranks make it one.
///
/// Declared once, as a static member in `StepMetrics.swift`; what is recorded under it is reduced and written by that alone.
public struct Metric: Hashable, Sendable {
    /// How ranks' parts are put together.
    public enum Reduction: Sendable {
        /// Added up.
        case sum
        /// The largest.
        case max
        /// Sums added up, over counts added up.
        case mean
        /// The square root of squares added up.
        case norm
        /// Nothing to do: every rank has it whole.
        case same
    }

    /// As in `metrics.jsonl`.
    public let key: String
    public let reduction: Reduction
    /// Whether a number beyond all numbers is written as null; elsewhere it is an error.
    public let mayBeNull: Bool

    /// - Parameters:
    ///   - key: as in `metrics.jsonl`.
    ///   - reduction: how ranks' parts are put together.
    ///   - mayBeNull: whether a number beyond all numbers is written as null.
    public init(_ key: String, _ reduction: Reduction, mayBeNull: Bool = false) {
        self.key = key
        self.reduction = reduction
        self.mayBeNull = mayBeNull
    }

    public static func == (a: Metric, b: Metric) -> Bool { a.key == b.key }
    public func hash(into hasher: inout Hasher) { hasher.combine(key) }
}
