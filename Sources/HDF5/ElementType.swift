/// What a dataset holds. Raw values are the names that manifests of checkpoints use.
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
public protocol StoredElement: BitwiseCopyable, Sendable {
    /// Its type in a file.
    static var elementType: ElementType { get }
}

extension Float: StoredElement {
    public static var elementType: ElementType { .float32 }
}

extension Double: StoredElement {
    public static var elementType: ElementType { .float64 }
}

extension Int32: StoredElement {
    public static var elementType: ElementType { .int32 }
}

extension Int64: StoredElement {
    public static var elementType: ElementType { .int64 }
}

extension UInt64: StoredElement {
    public static var elementType: ElementType { .uint64 }
}

extension UInt8: StoredElement {
    public static var elementType: ElementType { .uint8 }
}
