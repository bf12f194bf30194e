// The products inside an attention tile, on blocks that stay in registers.
#ifndef DRRL_MICRO_H
#define DRRL_MICRO_H

#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

enum {
    BLOCK = DRRL_ATTENTION_BLOCK, // rows of a block
    PANEL = 32,                   // keys of a packed panel
    PANEL_VECTORS = PANEL / LANES,
};

// name_body(arguments, rows, vectors) becomes one function for each instruction set, whose micro-kernels work on
// rows x vectors: as many accumulators as its registers hold. Without min_vector_width v4 splits vectors of 512 bits.
#if defined(__x86_64__)
#define V4 __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define V3 __attribute__((target("arch=x86-64-v3")))
#define INSTANCES(name, parameters, ...)                                     \
    V4 static void name##_v4 parameters { name##_body(__VA_ARGS__, 12, 2); } \
    V3 static void name##_v3 parameters { name##_body(__VA_ARGS__, 6, 1); }  \
    static void name##_v1 parameters { name##_body(__VA_ARGS__, 2, 1); }     \
    void name(drrl_instruction_set set, DRRL_UNPACK parameters) {            \
        switch (set) {                                                       \
        case DRRL_AVX512: return name##_v4(__VA_ARGS__);                     \
        case DRRL_AVX2: return name##_v3(__VA_ARGS__);                       \
        default: return name##_v1(__VA_ARGS__);                              \
        }                                                                    \
    }
#else
#define INSTANCES(name, parameters, ...) \
    void name(drrl_instruction_set set, DRRL_UNPACK parameters) { (void)set; name##_body(__VA_ARGS__, 6, 1); }
#endif
#define DRRL_UNPACK(...) __VA_ARGS__

#define LOG2E 1.44269504f
#define LN2 0.69314718f
// Loops over a block are unrolled, so that it lies in registers; the loop around them is not to be vectorized again.
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("clang loop vectorize(disable) unroll_count(2)")

// The larger lane; where one is not a number, b's.
#define larger(a, b) ((a) > (b) ? (a) : (b))

// 2^x for x <= 126 within 4 ulp, zero below 2^-126; NaN stays NaN. Rounding by adding 1.5 * 2^23 + 127 leaves the
// exponent's bits lowest; the polynomial is minimax on [-1/2, 1/2].
#define exp2_16(x)                                          \
    ({                                                      \
        const v16 x_ = larger(splat(-127), (x));            \
        const v16 shifted_ = x_ + 12583039.0f;              \
        const v16 f_ = x_ - (shifted_ - 12583039.0f);       \
        v16 p_ = f_ * 1.339887440e-3f + 9.618437357e-3f;    \
        p_ = p_ * f_ + 5.550332548e-2f;                     \
        p_ = p_ * f_ + 2.402264791e-1f;                     \
        p_ = p_ * f_ + 6.931472028e-1f;                     \
        p_ = p_ * f_ + 1.0f;                                \
        p_ * (v16)((i16)shifted_ << 23);                    \
    })

// Which keys of a panel a block's rows see: row i those from `from` on, below `end` and below seen + i.
typedef struct {
    long from, end, seen;
} panel_view;

// s[i][0 ..< 32] = sum over k < depth of q[i][k] * panel[k][0 ..< 32] for a block's rows i; -inf for keys that a row does
// not see. `largest`, if any, is raised to each row's largest, by lane.
DRRL_INLINE void score_panel(float *s, long ld, const float *q, long ld_q, const float *panel, long depth,
                             panel_view view, v16 *largest, const int rows, const int vectors) {
    const i16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int i0 = 0; i0 < BLOCK; i0 += rows)
        for (int j0 = 0; j0 < PANEL_VECTORS; j0 += vectors) {
            v16 a[BLOCK][PANEL_VECTORS];
            UNROLL for (int i = 0; i < rows; i++)
                UNROLL for (int j = 0; j < vectors; j++) a[i][j] = splat(0);
            ROLLED for (long k = 0; k < depth; k++) {
                v16 b[PANEL_VECTORS];
                UNROLL for (int j = 0; j < vectors; j++) b[j] = load(panel + k * PANEL + (j0 + j) * LANES);
                UNROLL for (int i = 0; i < rows; i++) {
                    v16 x = splat(q[(i0 + i) * ld_q + k]);
                    UNROLL for (int j = 0; j < vectors; j++) a[i][j] += x * b[j];
                }
            }
            if (view.seen < PANEL || view.end < PANEL || view.from > 0) {
                UNROLL for (int i = 0; i < rows; i++)
                    UNROLL for (int j = 0; j < vectors; j++) {
                        const long first = (j0 + j) * LANES, seen = view.seen + i0 + i;
                        const i16 end = (i16)(int32_t)((seen < view.end ? seen : view.end) - first);
                        const i16 from = (i16)(int32_t)(view.from - first);
                        a[i][j] = ((lane < end) & (lane >= from)) ? a[i][j] : splat(-INFINITY);
                    }
            }
            UNROLL for (int i = 0; i < rows; i++)
                UNROLL for (int j = 0; j < vectors; j++) {
                    store(s + (i0 + i) * ld + (j0 + j) * LANES, a[i][j]);
                    if (largest) largest[i0 + i] = larger(a[i][j], largest[i0 + i]);
                }
        }
}

// The largest of 16 lanes of numbers.
#define largest_lane(v)                                      \
    ({                                                       \
        v16 lanes_ = (v);                                    \
        __auto_type m8_ = larger(lanes_.lo, lanes_.hi);      \
        __auto_type m4_ = larger(m8_.lo, m8_.hi);            \
        __auto_type m2_ = larger(m4_.lo, m4_.hi);            \
        larger(m2_.x, m2_.y);                                \
    })

// o[i][j] += sum over k < depth of p[i * row + k * step] * x[k][j], on rows x (vectors of 16 lanes).
DRRL_INLINE void accumulate_vectors(float *o, long ld_o, const float *p, long row, long step, const float *x,
                                    long ld_x, long depth, const int rows, const int vectors) {
    v16 a[BLOCK][PANEL_VECTORS];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++) a[i][j] = load(o + i * ld_o + j * LANES);
    ROLLED for (long k = 0; k < depth; k++) {
        v16 b[PANEL_VECTORS];
        UNROLL for (int j = 0; j < vectors; j++) b[j] = load(x + k * ld_x + j * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            v16 y = splat(p[i * row + k * step]);
            UNROLL for (int j = 0; j < vectors; j++) a[i][j] += y * b[j];
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++) store(o + i * ld_o + j * LANES, a[i][j]);
}

// The same for a block's rows and `width` columns, a multiple of 16.
DRRL_INLINE void accumulate(float *o, long ld_o, const float *p, long row, long step, const float *x, long ld_x,
                            long depth, long width, const int rows, const int vectors) {
    for (int i = 0; i < BLOCK; i += rows) {
        long j = 0;
        for (; j + vectors * LANES <= width; j += vectors * LANES)
            accumulate_vectors(o + i * ld_o + j, ld_o, p + i * row, row, step, x + j, ld_x, depth, rows, vectors);
        if (j < width)
            accumulate_vectors(o + i * ld_o + j, ld_o, p + i * row, row, step, x + j, ld_x, depth, rows, 1);
    }
}

// Rows up to a whole block.
DRRL_INLINE long blocked(long rows) { return (rows + BLOCK - 1) / BLOCK * BLOCK; }

// Columns up to a whole vector.
DRRL_INLINE long padded(long columns) { return (columns + LANES - 1) / LANES * LANES; }

// y[all][ld]: the first `rows` rows and `columns` columns are those of x, the others zero.
DRRL_INLINE void copy_padded(float *y, long ld, long all, const float *x, long ld_x, long rows, long columns) {
    for (long i = 0; i < rows; i++) {
        memcpy(y + i * ld, x + i * ld_x, (size_t)columns * sizeof(float));
        memset(y + i * ld + columns, 0, (size_t)(ld - columns) * sizeof(float));
    }
    if (rows < all) memset(y + rows * ld, 0, (size_t)((all - rows) * ld) * sizeof(float));
}

// rows x columns into panels of 32 rows, [ceil(rows / 32)][columns][32], times `scale`; missing rows are zero.
DRRL_INLINE void pack_panels(float *panels, const float *x, long ld, long rows, long columns, float scale) {
    for (long first = 0; first < rows; first += PANEL) {
        float *panel = panels + first * columns;
        for (long j = 0; j < PANEL; j++)
            for (long k = 0; k < columns; k++)
                panel[k * PANEL + j] = first + j < rows ? x[(first + j) * ld + k] * scale : 0;
    }
}

#endif
