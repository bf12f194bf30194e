import CHDF5
import CHDF5Driver
import Files

/// An HDF5 file over a descriptor that it owns.
///
/// The file format is the oldest that does (1.8 at most), without time stamps: equal contents give equal bytes.
package struct HDF5File: ~Copyable {
    /// The descriptor, which stays open after `close()`.
    package let output: OpenFile
    /// The file, for errors.
    package let place: Place
    /// The library's number for the file.
    package private(set) var id: hid_t
    private let target: UnsafeMutablePointer<drrl_h5_target>

    /// Makes an empty HDF5 file after the first `reserved` bytes of an empty `output`.
    ///
    /// - Throws: `HDF5Error`.
    package init(creatingIn output: consuming OpenFile, reserving reserved: Int) throws(HDF5Error) {
        try self.init(over: output) { path, access, place throws(HDF5Error) in
            let creation = try PropertyList("H5Pcreate", place) { H5Pcreate(drrl_h5p_file_create()) }
            try Library.call("H5Pset_userblock", place) { H5Pset_userblock(creation.id, hsize_t(reserved)) }
            return try Library.call("H5Fcreate", place) {
                H5Fcreate(path, drrl_h5f_acc_trunc(), creation.id, access)
            }
        }
    }

    /// Opens the HDF5 file in `input` for reading.
    ///
    /// - Throws: `HDF5Error`.
    package init(readingFrom input: consuming OpenFile) throws(HDF5Error) {
        try self.init(over: input) { path, access, place throws(HDF5Error) in
            try Library.call("H5Fopen", place) { H5Fopen(path, drrl_h5f_acc_rdonly(), access) }
        }
    }

    private init(
        over output: consuming OpenFile,
        open: (_ path: String, _ access: hid_t, _ place: Place) throws(HDF5Error) -> hid_t
    ) throws(HDF5Error) {
        let place = Place(file: output.path, object: "the file")
        let driver = try Library.driver.get()
        let access = try PropertyList("H5Pcreate", place) { H5Pcreate(drrl_h5p_file_access()) }
        try Library.call("H5Pset_libver_bounds", place) {
            H5Pset_libver_bounds(access.id, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18)
        }
        let target = UnsafeMutablePointer<drrl_h5_target>.allocate(capacity: 1)
        target.initialize(to: drrl_h5_target(descriptor: output.rawDescriptor, write_error: 0))
        do {
            try Library.call("H5Pset_driver", place) { drrl_h5_driver_select(access.id, driver, target) }
            self.id = try open(output.path, access.id, place)
        } catch {
            target.deallocate()
            throw error
        }
        self.output = output
        self.place = place
        self.target = target
    }

    /// errno of the first write that failed, 0 while none has.
    package var writeError: Int32 { target.pointee.write_error }

    /// Writes what the library holds back.
    ///
    /// - Throws: `HDF5Error`.
    package func flush() throws(HDF5Error) {
        try Library.call("H5Fflush", place) { H5Fflush(id, H5F_SCOPE_GLOBAL) }
    }

    /// Closes the file and whatever is still open in it. The descriptor stays open.
    ///
    /// - Throws: `HDF5Error`.
    package mutating func close() throws(HDF5Error) {
        let id = self.id
        self.id = hid_t(H5I_INVALID_HID)
        do {
            try Library.call("H5Fclose", place) { H5Fclose(id) }
        } catch {
            abandon()
            throw error
        }
    }

    // The library may still hold a file that it failed to close: from now on it must not touch the descriptor.
    private func abandon() {
        target.pointee = drrl_h5_target(descriptor: -1, write_error: 1)
    }

    deinit {
        let isClosed = id < 0 ? target.pointee.descriptor >= 0 : Library.release { H5Fclose(id) }
        if isClosed {
            target.deallocate()
        } else {
            abandon()
        }
    }
}
