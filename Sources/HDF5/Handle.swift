import CHDF5

/// What kind of HDF5 object a handle refers to, and so how it is closed.
package protocol HandleKind {
    static var closing: StaticString { get }
    static func close(_ id: hid_t) -> herr_t
}

package enum GroupKind: HandleKind {
    package static var closing: StaticString { "H5Gclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Gclose(id) }
}

package enum DatasetKind: HandleKind {
    package static var closing: StaticString { "H5Dclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Dclose(id) }
}

package enum DataspaceKind: HandleKind {
    package static var closing: StaticString { "H5Sclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Sclose(id) }
}

package enum DatatypeKind: HandleKind {
    package static var closing: StaticString { "H5Tclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Tclose(id) }
}

package enum PropertyListKind: HandleKind {
    package static var closing: StaticString { "H5Pclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Pclose(id) }
}

package enum AttributeKind: HandleKind {
    package static var closing: StaticString { "H5Aclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Aclose(id) }
}

package typealias Group = Handle<GroupKind>
package typealias Dataset = Handle<DatasetKind>
package typealias Dataspace = Handle<DataspaceKind>
package typealias Datatype = Handle<DatatypeKind>
package typealias PropertyList = Handle<PropertyListKind>
package typealias Attribute = Handle<AttributeKind>

/// The only owner of one HDF5 identifier; closes it.
package struct Handle<Kind: HandleKind>: ~Copyable {
    /// The library's number for the object.
    package private(set) var id: hid_t
    package let place: Place

    /// Takes the identifier that `open` returns.
    ///
    /// - Throws: `HDF5Error` if it is negative.
    init(_ operation: StaticString, _ place: Place, _ open: () -> hid_t) throws(HDF5Error) {
        self.id = try Library.call(operation, place, open)
        self.place = place
    }

    /// Closes and says whether that worked. A handle dropped without it is closed silently.
    package consuming func close() throws(HDF5Error) {
        let id = self.id
        self.id = hid_t(H5I_INVALID_HID)
        try Library.call(Kind.closing, place) { Kind.close(id) }
    }

    deinit {
        if id >= 0 { Library.release { Kind.close(id) } }
    }
}
