/// A number in JSON, which has no infinity and no NaN: those are written as null, and null is read as NaN.
public struct JSONNumber: Codable, Equatable, Sendable, ExpressibleByFloatLiteral {
    public var value: Double

    public init(_ value: Double) { self.value = value }
    public init(floatLiteral value: Double) { self.value = value }

    /// The number; nil where it is none.
    public var finite: Double? { value.isFinite ? value : nil }

    public init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.singleValueContainer()
        value = container.decodeNil() ? .nan : try container.decode(Double.self)
    }

    public func encode(to encoder: any Swift.Encoder) throws {
        var container = encoder.singleValueContainer()
        if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
    }
}
