// An HDF5 file driver over an open file descriptor that outlives a full disk.
//
// HDF5's own drivers report a failed write while metadata is being flushed in H5Fclose, where the
// library can neither finish nor undo: the file stays half open and is flushed again at exit. This driver
// keeps the first failure in `write_error`, drops every later write and lets HDF5 close as usual; the
// caller then reads `write_error`, which decides whether the file is any good.
#ifndef DRRL_CHDF5_DRIVER_H
#define DRRL_CHDF5_DRIVER_H
#include <hdf5.h>

// The file under an HDF5 handle. It belongs to the caller and must outlive the handle.
typedef struct drrl_h5_target {
    int descriptor;   // open for reading, or for reading and writing
    int write_error;  // errno of the first write or truncation that failed; 0 while none has
} drrl_h5_target;

// Registers the driver; negative on failure. Once per process is enough.
hid_t drrl_h5_driver_register(void);

// Makes files opened with `access_list` use `target` whatever name they are opened by; negative on failure.
herr_t drrl_h5_driver_select(hid_t access_list, hid_t driver, drrl_h5_target *target);

#endif
