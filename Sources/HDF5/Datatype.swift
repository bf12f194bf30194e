import CHDF5

extension Handle where Kind == DatatypeKind {
    /// `type` in this machine's byte order; text is UTF-8 of exactly `length` bytes.
    ///
    /// - Throws: `HDF5Error`.
    package static func of(_ type: ElementType, length: Int = 0, _ place: Place) throws(HDF5Error) -> Datatype {
        let copy = try Datatype("H5Tcopy", place) { type.native }
        if type == .text {
            // HDF5 has no strings of length 0: the empty text is one NUL.
            try Library.call("H5Tset_size", place) { H5Tset_size(copy.id, max(length, 1)) }
            try Library.call("H5Tset_cset", place) { H5Tset_cset(copy.id, H5T_CSET_UTF8) }
            try Library.call("H5Tset_strpad", place) { H5Tset_strpad(copy.id, H5T_STR_NULLPAD) }
        }
        return copy
    }

    /// Bytes per element.
    package var size: Int { H5Tget_size(id) }

    /// The element type if it is one of ours, in this machine's byte order; nil otherwise.
    ///
    /// - Throws: `HDF5Error`.
    package func elementType() throws(HDF5Error) -> ElementType? {
        let kind = try Library.call("H5Tget_class", place) { H5Tget_class(id).rawValue }
        if kind == H5T_STRING.rawValue {
            let isVariable = try Library.call("H5Tis_variable_str", place) { H5Tis_variable_str(id) }
            return isVariable > 0 ? nil : .text
        }
        for type in ElementType.allCases where type != .text {
            let candidate = try Datatype.of(type, place)
            if try Library.call("H5Tequal", place, { H5Tequal(id, candidate.id) }) > 0 { return type }
        }
        return nil
    }
}

extension ElementType {
    /// A new identifier of the library's own type.
    fileprivate var native: hid_t {
        switch self {
        case .float32: H5Tcopy(drrl_h5t_native_float())
        case .float64: H5Tcopy(drrl_h5t_native_double())
        case .int32: H5Tcopy(drrl_h5t_native_int32())
        case .int64: H5Tcopy(drrl_h5t_native_int64())
        case .uint64: H5Tcopy(drrl_h5t_native_uint64())
        case .uint8: H5Tcopy(drrl_h5t_native_uint8())
        case .text: H5Tcopy(drrl_h5t_c_s1())
        }
    }
}

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
