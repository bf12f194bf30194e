// MPI for Swift. What the importer cannot see (cast macros) stands here as accessors.
#ifndef DRRL_CMPI_SHIM_H
#define DRRL_CMPI_SHIM_H

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

static inline MPI_Comm drrl_mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm drrl_mpi_comm_self(void) { return MPI_COMM_SELF; }
static inline MPI_Comm drrl_mpi_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Request drrl_mpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Info drrl_mpi_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Errhandler drrl_mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline void *drrl_mpi_in_place(void) { return MPI_IN_PLACE; }

static inline MPI_Datatype drrl_mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype drrl_mpi_double(void) { return MPI_DOUBLE; }
static inline MPI_Datatype drrl_mpi_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype drrl_mpi_int64(void) { return MPI_INT64_T; }
static inline MPI_Datatype drrl_mpi_uint8(void) { return MPI_UINT8_T; }

static inline MPI_Op drrl_mpi_sum(void) { return MPI_SUM; }
static inline MPI_Op drrl_mpi_max(void) { return MPI_MAX; }
static inline MPI_Op drrl_mpi_min(void) { return MPI_MIN; }

#endif
