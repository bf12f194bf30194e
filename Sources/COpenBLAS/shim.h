// CBLAS as OpenBLAS ships it.
#ifndef DRRL_COPENBLAS_SHIM_H
#define DRRL_COPENBLAS_SHIM_H
#include <cblas.h>
#endif
