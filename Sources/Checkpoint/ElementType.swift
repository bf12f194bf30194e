/// What a dataset holds. Raw values are the names used in the manifest.
public enum ElementType: String, Codable, Sendable, CaseIterable {
    case float32, float64, int32, int64, uint64, uint8
    /// One UTF-8 string of fixed length.
    case text

    /// Bytes per element; for text, per unit of its shape.
    public var byteCount: Int {
        switch self {
        case .float32, .int32: 4
        case .float64, .int64, .uint64: 8
        case .uint8, .text: 1
        }
    }
}

/// An element that datasets may hold.
public protocol CheckpointElement: BitwiseCopyable, Sendable {
    static var elementType: ElementType { get }
}

extension Float: CheckpointElement {
    public static var elementType: ElementType { .float32 }
}

extension Double: CheckpointElement {
    public static var elementType: ElementType { .float64 }
}

extension Int32: CheckpointElement {
    public static var elementType: ElementType { .int32 }
}

extension Int64: CheckpointElement {
    public static var elementType: ElementType { .int64 }
}

extension UInt64: CheckpointElement {
    public static var elementType: ElementType { .uint64 }
}

extension UInt8: CheckpointElement {
    public static var elementType: ElementType { .uint8 }
}
