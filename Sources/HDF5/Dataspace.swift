import CHDF5

extension Handle where Kind == DataspaceKind {
    /// A scalar for the empty shape, else `shape`; the first axis may grow where `isExtendible`.
    ///
    /// - Throws: `HDF5Error`.
    package init(shape: [Int], isExtendible: Bool = false, _ place: Place) throws(HDF5Error) {
        if shape.isEmpty {
            try self.init("H5Screate", place) { H5Screate(H5S_SCALAR) }
            return
        }
        let extents = shape.map { hsize_t($0) }
        var limits = extents
        if isExtendible { limits[0] = hsize_t.max }  // H5S_UNLIMITED
        try self.init("H5Screate_simple", place) { H5Screate_simple(Int32(extents.count), extents, limits) }
    }

    /// The extents as stored, unchecked; nil for a null dataspace.
    ///
    /// - Throws: `HDF5Error`.
    package func extents() throws(HDF5Error) -> [hsize_t]? {
        let kind = try Library.call("H5Sget_simple_extent_type", place) { H5Sget_simple_extent_type(id).rawValue }
        switch kind {
        case H5S_SCALAR.rawValue: return []
        case H5S_SIMPLE.rawValue: break
        default: return nil
        }
        let rank = try Library.call("H5Sget_simple_extent_ndims", place) { H5Sget_simple_extent_ndims(id) }
        var extents = [hsize_t](repeating: 0, count: Int(rank))
        try Library.call("H5Sget_simple_extent_dims", place) { H5Sget_simple_extent_dims(id, &extents, nil) }
        return extents
    }

    /// Selects rows `rows` of the first axis, whole along the others.
    ///
    /// - Throws: `HDF5Error`.
    package func select(rows: Range<Int>, ofShape shape: [Int]) throws(HDF5Error) {
        var start = [hsize_t](repeating: 0, count: shape.count)
        var count = shape.map { hsize_t($0) }
        start[0] = hsize_t(rows.lowerBound)
        count[0] = hsize_t(rows.count)
        try Library.call("H5Sselect_hyperslab", place) {
            H5Sselect_hyperslab(id, H5S_SELECT_SET, start, nil, count, nil)
        }
    }
}

/// A selection of as many elements in memory as in the file.
struct Selection: ~Copyable {
    let memory: Dataspace
    let stored: Dataspace
}

extension Handle where Kind == DatasetKind {
    /// `count` elements in memory against `rows` of this dataset, whose shape is `shape`.
    func selection(_ count: Int, rows: Range<Int>, shape: [Int]) throws(HDF5Error) -> Selection {
        let memory = try Dataspace(shape: [count], place)
        let stored = try dataspace()
        if !shape.isEmpty { try stored.select(rows: rows, ofShape: shape) }
        return Selection(memory: memory, stored: stored)
    }
}
