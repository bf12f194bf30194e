#include "include/CKernels.h"

bool drrl_supports(drrl_instruction_set set) {
#if defined(__x86_64__)
    if (set == DRRL_AVX512) return __builtin_cpu_supports("x86-64-v4");
    if (set == DRRL_AVX2) return __builtin_cpu_supports("x86-64-v3");
#endif
    return set == DRRL_BASELINE;
}
