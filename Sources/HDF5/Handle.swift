import CHDF5

/// What kind of HDF5 object a handle refers to, and so how it is closed.
package protocol HandleKind {
    /// The C function that closes it, for errors.
    static var closing: StaticString { get }
    /// Closes it; negative where the library refuses.
    static func close(_ id: hid_t) -> herr_t
}

/// A group: a directory of the file.
package enum GroupKind: HandleKind {
    package static var closing: StaticString { "H5Gclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Gclose(id) }
}

/// A dataset: an array in the file.
package enum DatasetKind: HandleKind {
    package static var closing: StaticString { "H5Dclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Dclose(id) }
}

/// A shape, or a selection of one.
package enum DataspaceKind: HandleKind {
    package static var closing: StaticString { "H5Sclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Sclose(id) }
}

/// The type of elements.
package enum DatatypeKind: HandleKind {
    package static var closing: StaticString { "H5Tclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Tclose(id) }
}

/// Settings of a call.
package enum PropertyListKind: HandleKind {
    package static var closing: StaticString { "H5Pclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Pclose(id) }
}

/// A small value beside an object.
package enum AttributeKind: HandleKind {
    package static var closing: StaticString { "H5Aclose" }
    package static func close(_ id: hid_t) -> herr_t { H5Aclose(id) }
}

/// The owner of an open group.
package typealias Group = Handle<GroupKind>
/// The owner of an open dataset.
package typealias Dataset = Handle<DatasetKind>
/// The owner of a dataspace.
package typealias Dataspace = Handle<DataspaceKind>
/// The owner of a datatype.
package typealias Datatype = Handle<DatatypeKind>
/// The owner of a property list.
package typealias PropertyList = Handle<PropertyListKind>
/// The owner of an open attribute.
package typealias Attribute = Handle<AttributeKind>

/// The only owner of one HDF5 identifier; closes it.
package struct Handle<Kind: HandleKind>: ~Copyable {
    /// The library's number for the object.
    package private(set) var id: hid_t
    /// What it is, for errors.
    package let place: Place

    /// Takes the identifier that `open` returns.
    ///
    /// - Throws: `HDF5Error` if it is negative.
    init(_ operation: StaticString, _ place: Place, _ open: () -> hid_t) throws(HDF5Error) {
        self.id = try Library.call(operation, place, open)
        self.place = place
    }

    /// Closes and says whether that worked. A handle dropped without it is closed silently.
    ///
    /// - Throws: `HDF5Error`.
    package consuming func close() throws(HDF5Error) {
        let id = self.id
        self.id = hid_t(H5I_INVALID_HID)
        try Library.call(Kind.closing, place) { Kind.close(id) }
    }

    deinit {
        if id >= 0 { Library.release { Kind.close(id) } }
    }
}

/// A name in a group.
package struct Link {
    /// Its name in the group.
    package let name: String
    /// False for soft, external and user-defined links.
    package let isHard: Bool
}

/// What a link leads to.
package enum LinkedObject {
    case group, dataset, other
    /// Not for us to know: the link is not a hard one.
    case elsewhere
}

extension Handle where Kind == GroupKind {
    /// The group at `path` of `file`.
    ///
    /// - Throws: `HDF5Error`.
    package init(opening path: String, in file: borrowing HDF5File) throws(HDF5Error) {
        let file = (id: file.id, place: file.place)
        try self.init("H5Gopen2", file.place.at(path)) { H5Gopen2(file.id, path, drrl_h5p_default()) }
    }

    /// Its links, in the order of their names.
    ///
    /// - Throws: `HDF5Error`.
    package func links() throws(HDF5Error) -> [Link] {
        var links: [Link] = []
        try Library.call("H5Literate", place) {
            withUnsafeMutablePointer(to: &links) { links in
                H5Literate(
                    id, H5_INDEX_NAME, H5_ITER_INC, nil,
                    { _, name, information, links in
                        guard let name, let information, let links else { return -1 }
                        let link = Link(
                            name: String(cString: name), isHard: information.pointee.type == H5L_TYPE_HARD)
                        links.assumingMemoryBound(to: [Link].self).pointee.append(link)
                        return 0
                    }, links)
            }
        }
        return links
    }

    /// What the hard link `name` leads to.
    ///
    /// - Throws: `HDF5Error`.
    package func object(_ name: String) throws(HDF5Error) -> LinkedObject {
        var information = H5O_info_t()
        try Library.call("H5Oget_info_by_name2", place.at(name)) {
            H5Oget_info_by_name2(id, name, &information, H5O_INFO_BASIC, drrl_h5p_default())
        }
        switch information.type {
        case H5O_TYPE_GROUP: return .group
        case H5O_TYPE_DATASET: return .dataset
        default: return .other
        }
    }
}
