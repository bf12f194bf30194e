// LAPACKE; complex types are of no use here.
#ifndef DRRL_CLAPACKE_SHIM_H
#define DRRL_CLAPACKE_SHIM_H
#include <lapacke.h>
#endif
