import CHDF5

extension Handle where Kind == DatasetKind {
    /// A new dataset in `file`, with the groups its path names.
    ///
    /// - Parameters:
    ///   - name: Its path.
    ///   - type: That of its elements.
    ///   - shape: Its extents, slowest axis first; empty for a scalar, and for text.
    ///   - length: Bytes of a text.
    ///   - chunk: Extents of a chunk where rows may be added; without it the dataset is contiguous.
    /// - Throws: `HDF5Error`.
    package init(
        creating name: String, of type: ElementType, shape: [Int], length: Int = 0, chunk: [Int]? = nil,
        in file: borrowing HDF5File
    ) throws(HDF5Error) {
        let place = file.place.at(name)
        let type = try Datatype.of(type, length: length, place)
        let space = try Dataspace(shape: shape, isExtendible: chunk != nil, place)
        let links = try PropertyList("H5Pcreate", place) { H5Pcreate(drrl_h5p_link_create()) }
        try Library.call("H5Pset_create_intermediate_group", place) { H5Pset_create_intermediate_group(links.id, 1) }
        let creation = try PropertyList("H5Pcreate", place) { H5Pcreate(drrl_h5p_dataset_create()) }
        try Library.call("H5Pset_obj_track_times", place) { H5Pset_obj_track_times(creation.id, false) }
        if let chunk = chunk?.map({ hsize_t($0) }) {
            try Library.call("H5Pset_chunk", place) { H5Pset_chunk(creation.id, Int32(chunk.count), chunk) }
        } else {
            // Every byte is written by us: filling first would write it twice.
            try Library.call("H5Pset_fill_time", place) { H5Pset_fill_time(creation.id, H5D_FILL_TIME_NEVER) }
        }
        let file = file.id
        try self.init("H5Dcreate2", place) {
            H5Dcreate2(
                file, name, type.id, space.id, links.id, creation.id, drrl_h5p_default())
        }
    }

    /// The dataset `name` of `file`.
    ///
    /// - Throws: `HDF5Error`.
    package init(opening name: String, in file: borrowing HDF5File) throws(HDF5Error) {
        let file = (id: file.id, place: file.place)
        try self.init("H5Dopen2", file.place.at(name)) { H5Dopen2(file.id, name, drrl_h5p_default()) }
    }

    /// Its extents.
    ///
    /// - Throws: `HDF5Error`.
    package func dataspace() throws(HDF5Error) -> Dataspace {
        try Dataspace("H5Dget_space", place) { H5Dget_space(id) }
    }

    /// The type of its elements.
    ///
    /// - Throws: `HDF5Error`.
    package func datatype() throws(HDF5Error) -> Datatype {
        try Datatype("H5Dget_type", place) { H5Dget_type(id) }
    }

    /// Why its bytes cannot be taken as they stand in this file; nil if they can.
    ///
    /// - Throws: `HDF5Error`.
    package func foreignStorage() throws(HDF5Error) -> String? {
        let creation = try PropertyList("H5Dget_create_plist", place) { H5Dget_create_plist(id) }
        if try Library.call("H5Pget_nfilters", place, { H5Pget_nfilters(creation.id) }) > 0 {
            return "it passes through filters"
        }
        switch try Library.call("H5Pget_layout", place, { H5Pget_layout(creation.id).rawValue }) {
        case H5D_CHUNKED.rawValue: return nil
        case H5D_CONTIGUOUS.rawValue:
            let outside = try Library.call("H5Pget_external_count", place) { H5Pget_external_count(creation.id) }
            return outside > 0 ? "its data lie in other files" : nil
        default: return "it is stored neither contiguously nor in chunks"
        }
    }

    /// Sets the number of rows.
    ///
    /// - Throws: `HDF5Error`.
    package func extend(toShape shape: [Int]) throws(HDF5Error) {
        let extents = shape.map { hsize_t($0) }
        try Library.call("H5Dset_extent", place) { H5Dset_extent(id, extents) }
    }

    /// Writes `rows` of a dataset of `shape` from `bytes`; the scalar shape takes row 0.
    ///
    /// - Throws: `HDF5Error`.
    package func write(
        _ bytes: UnsafeRawBufferPointer, rows: Range<Int>, shape: [Int], type: borrowing Datatype
    ) throws(HDF5Error) {
        guard !bytes.isEmpty else { return }
        let selection = try selection(bytes.count / type.size, rows: rows, shape: shape)
        let type = type.id
        try Library.call("H5Dwrite", place) {
            H5Dwrite(id, type, selection.memory.id, selection.stored.id, drrl_h5p_default(), bytes.baseAddress)
        }
    }

    /// Reads `rows` of a dataset of `shape` into `bytes`; the scalar shape takes row 0.
    ///
    /// - Throws: `HDF5Error`.
    package func read(
        into bytes: UnsafeMutableRawBufferPointer, rows: Range<Int>, shape: [Int], type: borrowing Datatype
    ) throws(HDF5Error) {
        guard !bytes.isEmpty else { return }
        let selection = try selection(bytes.count / type.size, rows: rows, shape: shape)
        let type = type.id
        try Library.call("H5Dread", place) {
            H5Dread(id, type, selection.memory.id, selection.stored.id, drrl_h5p_default(), bytes.baseAddress)
        }
    }
}
