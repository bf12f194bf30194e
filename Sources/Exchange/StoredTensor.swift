import JSON

/// What the elements of a stored tensor are, by the names that safetensors gives them.
public enum StoredType: String, CaseIterable, Sendable {
    case bool = "BOOL"
    case uint8 = "U8"
    case int8 = "I8"
    case float8E5M2 = "F8_E5M2"
    case float8E4M3 = "F8_E4M3"
    case float8E8M0 = "F8_E8M0"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case complex64 = "C64"
    case float64 = "F64"
    case int64 = "I64"
    case uint64 = "U64"

    /// The types that are read into float32.
    static let readable: [StoredType] = [.float32, .float16, .bfloat16, .float64]

    /// Bytes of one element.
    public var byteCount: Int {
        switch self {
        case .bool, .uint8, .int8, .float8E5M2, .float8E4M3, .float8E8M0: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .complex64, .float64, .int64, .uint64: 8
        }
    }
}

/// What a file says of one of its tensors, checked against the file's size.
public struct StoredTensor: Equatable, Sendable {
    /// Not empty, without control characters.
    public let name: String
    /// How its numbers are stored.
    public let type: StoredType
    /// Extents, slowest axis first; empty for a single number.
    public let shape: [Int]
    /// Where its bytes are, from the end of the header on; row-major, little-endian.
    let bytes: Range<Int>

    /// Number of elements.
    public var count: Int { bytes.count / type.byteCount }
}

extension StoredTensor {
    /// Most axes a tensor may have.
    static let mostAxes = 8

    /// What is wrong with a tensor's name; nil if nothing is.
    static func fault(inName name: String) -> String? {
        if name.isEmpty { return "a tensor's name is empty" }
        if name.hasControls { return "a tensor's name holds control characters" }
        return nil
    }

    /// Bytes of a tensor of that shape; nil where the product overflows, even if a zero extent hides it.
    ///
    /// - Parameter shape: No extent is negative.
    static func byteCount(of shape: [Int], _ type: StoredType) -> Int? {
        var bytes = type.byteCount
        for extent in shape where extent > 0 {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow else { return nil }
            bytes = product
        }
        return shape.contains(0) ? 0 : bytes
    }
}
