import CHDF5

/// What kind of HDF5 object a handle refers to, and so how it is closed.
protocol HandleKind {
    static var closing: StaticString { get }
    static func close(_ id: hid_t) -> herr_t
}

enum GroupKind: HandleKind {
    static var closing: StaticString { "H5Gclose" }
    static func close(_ id: hid_t) -> herr_t { H5Gclose(id) }
}

enum DatasetKind: HandleKind {
    static var closing: StaticString { "H5Dclose" }
    static func close(_ id: hid_t) -> herr_t { H5Dclose(id) }
}

enum DataspaceKind: HandleKind {
    static var closing: StaticString { "H5Sclose" }
    static func close(_ id: hid_t) -> herr_t { H5Sclose(id) }
}

enum DatatypeKind: HandleKind {
    static var closing: StaticString { "H5Tclose" }
    static func close(_ id: hid_t) -> herr_t { H5Tclose(id) }
}

enum PropertyListKind: HandleKind {
    static var closing: StaticString { "H5Pclose" }
    static func close(_ id: hid_t) -> herr_t { H5Pclose(id) }
}

enum AttributeKind: HandleKind {
    static var closing: StaticString { "H5Aclose" }
    static func close(_ id: hid_t) -> herr_t { H5Aclose(id) }
}

typealias Group = Handle<GroupKind>
typealias Dataset = Handle<DatasetKind>
typealias Dataspace = Handle<DataspaceKind>
typealias Datatype = Handle<DatatypeKind>
typealias PropertyList = Handle<PropertyListKind>
typealias Attribute = Handle<AttributeKind>

/// The only owner of one HDF5 identifier; closes it.
struct Handle<Kind: HandleKind>: ~Copyable {
    private(set) var id: hid_t
    let place: Place

    /// Takes the identifier that `open` returns.
    ///
    /// - Throws: `HDF5Error` if it is negative.
    init(_ operation: StaticString, _ place: Place, _ open: () -> hid_t) throws(HDF5Error) {
        self.id = try HDF5.call(operation, place, open)
        self.place = place
    }

    /// Closes and says whether that worked. A handle dropped without it is closed silently.
    consuming func close() throws(HDF5Error) {
        let id = self.id
        self.id = hid_t(H5I_INVALID_HID)
        try HDF5.call(Kind.closing, place) { Kind.close(id) }
    }

    deinit {
        if id >= 0 { HDF5.release { Kind.close(id) } }
    }
}
