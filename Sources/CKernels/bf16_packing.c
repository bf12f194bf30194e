#include "bf16.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

// How floats become pairs of bfloat16, the first of a pair in the lower half: lane by lane of two vectors, or neighbours of
// the 32 floats that two vectors hold. Vectors go by address, since they may not cross calls.
typedef void rounding(u16 *pairs, const v16 *a, const v16 *b);
typedef struct {
    rounding *lanes, *neighbours;
} pairing;

// The nearest bfloat16, ties to even, in the upper halves; NaN stays NaN.
#define rounded(x)                                                 \
    ({                                                             \
        const v16 x_ = (x);                                        \
        const u16 bits_ = (u16)x_;                                 \
        const u16 up_ = bits_ + 0x7FFF + ((bits_ >> 16) & 1);      \
        (u16)(x_ != x_ ? bits_ | 0x400000 : up_);                  \
    })

static void pair_lanes(u16 *pairs, const v16 *a, const v16 *b) {
    *pairs = (rounded(*a) >> 16) | (rounded(*b) & 0xFFFF0000);
}

static void pair_neighbours(u16 *pairs, const v16 *a, const v16 *b) {
    const v16 even = __builtin_shufflevector(*a, *b, EVEN), odd = __builtin_shufflevector(*a, *b, ODD);
    pair_lanes(pairs, &even, &odd);
}

// Columns 0 ..< width of [depth][count] become [depth / 2][width] pairs: whole vectors, of which the next pair or panel
// overwrites what is too much.
DRRL_INLINE void pack_across(uint32_t *panel, const float *x, long ld, long depth, long count, const long width,
                             const pairing p) {
    for (long k = 0; k < depth; k += 2)
        for (long j = 0; j < width; j += LANES) {
            const long n = count - j < LANES ? count - j : LANES;
            const float *first = x + k * ld + j, *second = first + ld;
            v16 a = splat(0), b = splat(0);
            if (n == LANES) {
                a = load(first);
                if (k + 1 < depth) b = load(second);
            } else if (n > 0) {
                a = load_part(first, n, 0);
                if (k + 1 < depth) b = load_part(second, n, 0);
            }
            u16 pairs;
            p.lanes(&pairs, &a, &b);
            *(u16_unaligned *)(panel + k / 2 * width + j) = pairs;
        }
}

// Rows 0 ..< width of [count][depth] likewise.
DRRL_INLINE void pack_along(uint32_t *panel, const float *x, long ld, long depth, long count, const long width,
                            const pairing p) {
    for (long k = 0; k < depth; k += 2 * LANES)
        for (long j = 0; j < width; j += LANES) {
            const long terms = depth - k < 2 * LANES ? depth - k : 2 * LANES;
            u16 t[LANES], s[LANES];
            UNROLL for (long i = 0; i < LANES; i++) {
                v16 a = splat(0), b = splat(0);
                const float *from = x + (j + i) * ld + k;
                if (j + i < count) {
                    a = terms >= LANES ? load(from) : load_part(from, terms, 0);
                    if (terms == 2 * LANES) b = load(from + LANES);
                    else if (terms > LANES) b = load_part(from + LANES, terms - LANES, 0);
                }
                p.neighbours(&t[i], &a, &b);
            }
            // Four perfect shuffles transpose 16 x 16.
            UNROLL for (int round = 0; round < 2; round++) {
                UNROLL for (int i = 0; i < LANES / 2; i++) {
                    s[2 * i] = __builtin_shufflevector(t[i], t[i + 8], LOW);
                    s[2 * i + 1] = __builtin_shufflevector(t[i], t[i + 8], HIGH);
                }
                UNROLL for (int i = 0; i < LANES / 2; i++) {
                    t[2 * i] = __builtin_shufflevector(s[i], s[i + 8], LOW);
                    t[2 * i + 1] = __builtin_shufflevector(s[i], s[i + 8], HIGH);
                }
            }
            for (long i = 0; i < (terms + 1) / 2; i++) *(u16_unaligned *)(panel + (k / 2 + i) * width + j) = t[i];
        }
}

DRRL_INLINE void pack(uint32_t *panels, const float *x, long ld, bool along, long depth, long count, const long width,
                      const pairing p) {
    for (long j = 0; j < count; j += width) {
        uint32_t *panel = panels + j * ((depth + 1) / 2);
        if (along) pack_along(panel, x + j * ld, ld, depth, count - j < width ? count - j : width, width, p);
        else pack_across(panel, x + j, ld, depth, count - j, width, p);
    }
}

#define PACKING(name, target, lanes, neighbours)                                                                        \
    target static void name(uint32_t *panels, const float *x, long ld, bool along, long depth, long count, long width) { \
        const pairing p = {lanes, neighbours};                                                                          \
        if (width == ROWS) pack(panels, x, ld, along, depth, count, ROWS, p);                                           \
        else pack(panels, x, ld, along, depth, count, COLUMNS, p);                                                      \
    }

#if defined(__x86_64__)
V4_BF16 static void pair_lanes_native(u16 *pairs, const v16 *a, const v16 *b) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                           5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    *pairs = (u16)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh((__m512)*b, (__m512)*a));
}

V4_BF16 static void pair_neighbours_native(u16 *pairs, const v16 *a, const v16 *b) {
    *pairs = (u16)_mm512_cvtne2ps_pbh((__m512)*b, (__m512)*a);
}

PACKING(pack_native, V4_BF16, pair_lanes_native, pair_neighbours_native)
PACKING(pack_v4, V4, pair_lanes, pair_neighbours)
PACKING(pack_v3, V3, pair_lanes, pair_neighbours)
#endif
PACKING(pack_v1, , pair_lanes, pair_neighbours)

drrl_bf16_packing *drrl_bf16_packing_for(drrl_instruction_set set, bool native) { return FOR_UNIT(pack, set, native); }
