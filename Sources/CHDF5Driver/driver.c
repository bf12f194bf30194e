#define _POSIX_C_SOURCE 200809L  // pread, pwrite and ftruncate under -std=c11

#include "CHDF5Driver.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    H5FD_t public_part;  // HDF5 wants it first
    drrl_h5_target *target;
    haddr_t allocated_end;  // "EOA": what HDF5 has allocated
    haddr_t file_end;       // "EOF": what has been written
    dev_t device;
    ino_t inode;
} file_t;

typedef struct {
    drrl_h5_target *target;
} selection_t;

static herr_t fail(const char *operation, hid_t kind, const char *cause) {
    // Nothing is left to report to if even the report fails.
    (void)H5Epush2(H5E_DEFAULT, __FILE__, operation, __LINE__, H5E_ERR_CLS, H5E_VFL, kind, "%s: %s", operation,
                   cause);
    return -1;
}

static void note_write_error(file_t *file, int error) {
    if (file->target->write_error == 0) file->target->write_error = error;
}

// Past RLIMIT_FSIZE the kernel sends SIGXFSZ, which ends the process: ask first.
static int exceeds_size_limit(haddr_t end) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && end > limit.rlim_cur;
}

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access_list, haddr_t max_address) {
    (void)name;
    (void)flags;
    (void)max_address;
    const selection_t *selection = H5Pget_driver_info(access_list);
    if (selection == NULL) {
        fail("open", H5E_CANTOPENFILE, "no descriptor was selected");
        return NULL;
    }
    struct stat status;
    if (fstat(selection->target->descriptor, &status) != 0) {
        fail("fstat", H5E_CANTOPENFILE, strerror(errno));
        return NULL;
    }
    file_t *file = calloc(1, sizeof *file);
    if (file == NULL) {
        fail("open", H5E_CANTOPENFILE, strerror(ENOMEM));
        return NULL;
    }
    file->target = selection->target;
    file->file_end = (haddr_t)status.st_size;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return &file->public_part;
}

static herr_t driver_close(H5FD_t *handle) {
    free(handle);  // the descriptor is the caller's
    return 0;
}

static int driver_compare(const H5FD_t *left, const H5FD_t *right) {
    const file_t *a = (const file_t *)left, *b = (const file_t *)right;
    if (a->device != b->device) return a->device < b->device ? -1 : 1;
    if (a->inode != b->inode) return a->inode < b->inode ? -1 : 1;
    return 0;
}

static herr_t driver_query(const H5FD_t *handle, unsigned long *flags) {
    (void)handle;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t driver_get_allocated_end(const H5FD_t *handle, H5FD_mem_t type) {
    (void)type;
    return ((const file_t *)handle)->allocated_end;
}

static herr_t driver_set_allocated_end(H5FD_t *handle, H5FD_mem_t type, haddr_t address) {
    (void)type;
    ((file_t *)handle)->allocated_end = address;
    return 0;
}

static haddr_t driver_get_file_end(const H5FD_t *handle, H5FD_mem_t type) {
    (void)type;
    return ((const file_t *)handle)->file_end;
}

// Beyond the end of the file reads as zeros, as HDF5 expects of allocated, unwritten space.
static herr_t driver_read(H5FD_t *handle, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                          void *buffer) {
    (void)type;
    (void)transfer;
    const file_t *file = (const file_t *)handle;
    unsigned char *next = buffer;
    while (size > 0) {
        ssize_t count = pread(file->target->descriptor, next, size, (off_t)address);
        if (count < 0) {
            if (errno == EINTR) continue;
            return fail("pread", H5E_READERROR, strerror(errno));
        }
        if (count == 0) {
            memset(next, 0, size);
            return 0;
        }
        next += count;
        address += (haddr_t)count;
        size -= (size_t)count;
    }
    return 0;
}

static herr_t driver_write(H5FD_t *handle, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
    (void)type;
    (void)transfer;
    file_t *file = (file_t *)handle;
    const unsigned char *next = buffer;
    if (address + size > file->file_end) file->file_end = address + size;
    if (exceeds_size_limit(address + size)) note_write_error(file, EFBIG);
    while (size > 0 && file->target->write_error == 0) {
        ssize_t count = pwrite(file->target->descriptor, next, size, (off_t)address);
        if (count < 0) {
            if (errno != EINTR) note_write_error(file, errno);
            continue;
        }
        next += count;
        address += (haddr_t)count;
        size -= (size_t)count;
    }
    return 0;
}

static herr_t driver_truncate(H5FD_t *handle, hid_t transfer, hbool_t closing) {
    (void)transfer;
    (void)closing;
    file_t *file = (file_t *)handle;
    if (file->allocated_end == file->file_end) return 0;
    if (exceeds_size_limit(file->allocated_end)) note_write_error(file, EFBIG);
    while (file->target->write_error == 0) {
        if (ftruncate(file->target->descriptor, (off_t)file->allocated_end) == 0) break;
        if (errno != EINTR) note_write_error(file, errno);
    }
    file->file_end = file->allocated_end;
    return 0;
}

static const H5FD_class_t driver_class = {
    .name = "drrl_descriptor",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(selection_t),
    .open = driver_open,
    .close = driver_close,
    .cmp = driver_compare,
    .query = driver_query,
    .get_eoa = driver_get_allocated_end,
    .set_eoa = driver_set_allocated_end,
    .get_eof = driver_get_file_end,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t drrl_h5_driver_register(void) { return H5FDregister(&driver_class); }

herr_t drrl_h5_driver_select(hid_t access_list, hid_t driver, drrl_h5_target *target) {
    selection_t selection = {.target = target};
    return H5Pset_driver(access_list, driver, &selection);
}
