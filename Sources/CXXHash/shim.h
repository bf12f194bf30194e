// XXH64 of libxxhash, inlined, as its header offers: the state is then a value whose layout is that of the code on it.
#ifndef DRRL_CXXHASH_SHIM_H
#define DRRL_CXXHASH_SHIM_H
#define XXH_INLINE_ALL
#include <xxhash.h>

typedef XXH64_state_t drrl_xxh64_state;

// The digest of no bytes yet, with seed 0.
static inline void drrl_xxh64_reset(drrl_xxh64_state *state) { XXH64_reset(state, 0); }
// Takes `count` bytes; none may be at NULL.
static inline void drrl_xxh64_update(drrl_xxh64_state *state, const void *bytes, size_t count) {
    if (count > 0) XXH64_update(state, bytes, count);
}
static inline uint64_t drrl_xxh64_digest(const drrl_xxh64_state *state) { return XXH64_digest(state); }
#endif
