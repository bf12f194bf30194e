#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>

#include "CProcess.h"

int drrl_usable_cores(void) {
    // The kernel refuses a mask smaller than its own, so grow until it fits.
    for (int cores = CPU_SETSIZE; cores <= 1 << 20; cores *= 2) {
        cpu_set_t *set = CPU_ALLOC(cores);
        if (!set) return -ENOMEM;
        size_t bytes = CPU_ALLOC_SIZE(cores);
        int usable = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : -errno;
        CPU_FREE(set);
        if (usable != -EINVAL) return usable;
    }
    return -EINVAL;
}
