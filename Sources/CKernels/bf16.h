// Products of bfloat16, in blocks in the manner of Goto and van de Geijn (2008): a panel of b about fills the first-level
// cache, the packed part of a lies in the second, that of b in the third. A pair holds two terms of a sum.
#ifndef DRRL_BF16_H
#define DRRL_BF16_H

#include "micro.h"

enum {
    ROWS = 12,    // of a block of c in registers, and of a panel of a
    COLUMNS = 32, // of the same, and of a panel of b
    DEPTH = 768,  // terms of a sum that are packed at once
    PACKED_ROWS = 240,
    PACKED_COLUMNS = 3072,
    SLACK = LANES - ROWS, // panels of a are written in whole vectors
};

typedef uint32_t u16 __attribute__((ext_vector_type(16)));
typedef uint32_t u16_unaligned __attribute__((ext_vector_type(16), aligned(4), may_alias));

#if defined(__x86_64__)
#define V4_BF16 __attribute__((target("arch=x86-64-v4,avx512bf16"), min_vector_width(512)))
// The unit's version of a function that is there as name_native, _v4, _v3 and _v1.
#define FOR_UNIT(name, set, native) \
    ((native) ? name##_native : (set) == DRRL_AVX512 ? name##_v4 : (set) == DRRL_AVX2 ? name##_v3 : name##_v1)
#else
#define FOR_UNIT(name, set, native) ((void)(set), (void)(native), name##_v1)
#endif

// panels[ceil(count / width)][ceil(depth / 2)][width] of x: [count][depth] where terms lie `along` its rows, else
// [depth][count]. The width is ROWS, when up to SLACK more elements are written, or COLUMNS.
typedef void drrl_bf16_packing(uint32_t *panels, const float *x, long ld, bool along, long depth, long count, long width);
drrl_bf16_packing *drrl_bf16_packing_for(drrl_instruction_set set, bool native);

#endif
