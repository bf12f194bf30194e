import CHDF5

/// A name in a group.
package struct Link {
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
    package init(opening path: String, in file: borrowing HDF5File) throws(HDF5Error) {
        let file = (id: file.id, place: file.place)
        try self.init("H5Gopen2", file.place.at(path)) { H5Gopen2(file.id, path, drrl_h5p_default()) }
    }

    /// Its links, in the order of their names.
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
