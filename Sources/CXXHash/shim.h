// XXH64 of libxxhash.
#ifndef DRRL_CXXHASH_SHIM_H
#define DRRL_CXXHASH_SHIM_H
#include <xxhash.h>
#endif
