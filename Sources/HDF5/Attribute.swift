import CHDF5

/// A small value beside the data: of the whole file, or of one dataset.
public enum AttributeValue: Equatable, Sendable {
    case integer(Int64)
    case real(Double)
    /// At most 60,000 bytes of UTF-8: HDF5 keeps attributes under 64 KB. Longer text goes into a dataset.
    case text(String)
}

extension Handle where Kind == AttributeKind {
    /// Adds attribute `name` with `value` to the object `owner`.
    ///
    /// - Throws: `HDF5Error`.
    package static func write(
        _ name: String, _ value: AttributeValue, to owner: hid_t, _ place: Place
    ) throws(HDF5Error) {
        switch value {
        case .integer(let number):
            let bytes = withUnsafeBytes(of: number) { Array($0) }
            try write(name, bytes, try Datatype.of(.int64, place), count: nil, to: owner, place)
        case .real(let number):
            let bytes = withUnsafeBytes(of: number) { Array($0) }
            try write(name, bytes, try Datatype.of(.float64, place), count: nil, to: owner, place)
        case .text(let text):
            let bytes = text.isEmpty ? [0] : Array(text.utf8)
            try write(name, bytes, try Datatype.of(.text, length: bytes.count, place), count: nil, to: owner, place)
        }
    }

    /// Adds attribute `name`, a list of `texts` padded with NUL to the longest.
    ///
    /// - Throws: `HDF5Error`.
    package static func write(
        _ name: String, texts: [String], to owner: hid_t, _ place: Place
    ) throws(HDF5Error) {
        let length = max(texts.map(\.utf8.count).max() ?? 0, 1)
        let bytes = texts.flatMap { Array($0.utf8) + [UInt8](repeating: 0, count: length - $0.utf8.count) }
        let type = try Datatype.of(.text, length: length, place)
        try write(name, bytes, type, count: texts.count, to: owner, place)
    }

    private static func write(
        _ name: String, _ bytes: [UInt8], _ type: borrowing Datatype, count: Int?, to owner: hid_t, _ place: Place
    ) throws(HDF5Error) {
        let place = place.at("\(place.object), attribute \(name)")
        let space = try Dataspace(shape: count.map { [$0] } ?? [], place)
        let type = type.id
        let attribute = try Attribute("H5Acreate2", place) {
            H5Acreate2(owner, name, type, space.id, drrl_h5p_default(), drrl_h5p_default())
        }
        try Library.call("H5Awrite", place) { H5Awrite(attribute.id, type, bytes) }
        try attribute.close()
    }

    /// Attribute `name` of `owner`; nil if there is none or it is not a scalar of a type in `AttributeValue`.
    ///
    /// - Throws: `HDF5Error`.
    package static func read(_ name: String, of owner: hid_t, _ place: Place) throws(HDF5Error) -> AttributeValue? {
        let place = place.at("\(place.object), attribute \(name)")
        guard try Library.call("H5Aexists", place, { H5Aexists(owner, name) }) > 0 else { return nil }
        let attribute = try Attribute("H5Aopen", place) { H5Aopen(owner, name, drrl_h5p_default()) }
        let space = try Dataspace("H5Aget_space", place) { H5Aget_space(attribute.id) }
        let type = try Datatype("H5Aget_type", place) { H5Aget_type(attribute.id) }
        guard try space.extents() == [] else { return nil }
        switch try type.elementType() {
        case .int64:
            var number: Int64 = 0
            try Library.call("H5Aread", place) { H5Aread(attribute.id, type.id, &number) }
            return .integer(number)
        case .float64:
            var number = 0.0
            try Library.call("H5Aread", place) { H5Aread(attribute.id, type.id, &number) }
            return .real(number)
        case .text:
            var bytes = [UInt8](repeating: 0, count: type.size)
            try Library.call("H5Aread", place) { H5Aread(attribute.id, type.id, &bytes) }
            return String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self).map { .text($0) }
        default: return nil
        }
    }

    /// The names of the attributes of `owner`, sorted.
    ///
    /// - Throws: `HDF5Error`.
    package static func names(of owner: hid_t, _ place: Place) throws(HDF5Error) -> [String] {
        var names: [String] = []
        try Library.call("H5Aiterate2", place) {
            withUnsafeMutablePointer(to: &names) { names in
                H5Aiterate2(
                    owner, H5_INDEX_NAME, H5_ITER_INC, nil,
                    { _, name, _, names in
                        guard let name, let names else { return -1 }
                        names.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
                        return 0
                    }, names)
            }
        }
        return names
    }
}
