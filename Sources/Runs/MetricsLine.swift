import JSON

/// One line of `metrics.jsonl`: an object of the step and of each metric that it has, by key. Keys that this version does
/// not know, and values that are no numbers, are no obstacle to reading it.
public struct MetricsLine: Codable, Equatable, Sendable {
    /// From 1.
    public var step: Int
    /// Not finite where the line has null.
    private var numbers: [Metric: Double] = [:]

    /// - Parameters:
    ///   - step: from 1.
    ///   - numbers: by metric.
    public init(step: Int, _ numbers: [(metric: Metric, value: Double)] = []) {
        self.step = step
        for (metric, value) in numbers { self[metric] = value }
    }

    /// Nil where the line does not have it; not finite where it is null there.
    public subscript(metric: Metric) -> Double? {
        get { numbers[metric] }
        set { numbers[metric] = newValue }
    }

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }

        static let step = Key(stringValue: "step")
    }

    public init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        step = try container.decode(Int.self, forKey: .step)
        for key in container.allKeys where key.stringValue != Key.step.stringValue {
            guard let number = try? container.decode(JSONNumber.self, forKey: key) else { continue }
            numbers[Metric(key.stringValue, .same, mayBeNull: true)] = number.value
        }
    }

    public func encode(to encoder: any Swift.Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(step, forKey: .step)
        for (metric, value) in numbers {
            let key = Key(stringValue: metric.key)
            if metric.mayBeNull {
                try container.encode(JSONNumber(value), forKey: key)
            } else {
                try container.encode(value, forKey: key)
            }
        }
    }
}
