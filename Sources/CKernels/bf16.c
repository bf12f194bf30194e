#include "bf16.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// c[12][32] = or += a panel of a times one of b.
typedef void block_product(float *c, long ld, const uint32_t *a, const uint32_t *b, long pairs, bool add);

// In float32, whose product of two bfloat16 is exact.
DRRL_INLINE void product(float *c, long ld, const uint32_t *a, const uint32_t *b, long pairs, bool add, const int rows,
                         const int vectors) {
    for (int i0 = 0; i0 < ROWS; i0 += rows)
        for (int j0 = 0; j0 < COLUMNS / LANES; j0 += vectors) {
            v16 s[ROWS][COLUMNS / LANES];
            UNROLL for (int i = 0; i < rows; i++)
                UNROLL for (int j = 0; j < vectors; j++)
                    s[i][j] = add ? load(c + (i0 + i) * ld + (j0 + j) * LANES) : splat(0);
            ROLLED for (long p = 0; p < pairs; p++) {
                u16 y[COLUMNS / LANES];
                UNROLL for (int j = 0; j < vectors; j++)
                    y[j] = *(const u16_unaligned *)(b + p * COLUMNS + (j0 + j) * LANES);
                UNROLL for (int i = 0; i < rows; i++) {
                    const u16 x = (u16)a[p * ROWS + i0 + i];
                    UNROLL for (int j = 0; j < vectors; j++) {
                        s[i][j] += (v16)(x << 16) * (v16)(y[j] << 16);
                        s[i][j] += (v16)(x & 0xFFFF0000) * (v16)(y[j] & 0xFFFF0000);
                    }
                }
            }
            UNROLL for (int i = 0; i < rows; i++)
                UNROLL for (int j = 0; j < vectors; j++) store(c + (i0 + i) * ld + (j0 + j) * LANES, s[i][j]);
        }
}

#define PRODUCT(name, target, rows, vectors)                                                                      \
    target static void name(float *c, long ld, const uint32_t *a, const uint32_t *b, long pairs, bool add) {      \
        product(c, ld, a, b, pairs, add, rows, vectors);                                                          \
    }

#if defined(__x86_64__)
V4_BF16 static void product_native(float *c, long ld, const uint32_t *a, const uint32_t *b, long pairs, bool add) {
    __m512 s[ROWS][2];
    UNROLL for (int i = 0; i < ROWS; i++)
        UNROLL for (int j = 0; j < 2; j++)
            s[i][j] = add ? _mm512_loadu_ps(c + i * ld + j * LANES) : _mm512_setzero_ps();
    ROLLED for (long p = 0; p < pairs; p++) {
        const __m512bh y0 = (__m512bh)_mm512_loadu_si512(b + p * COLUMNS);
        const __m512bh y1 = (__m512bh)_mm512_loadu_si512(b + p * COLUMNS + LANES);
        UNROLL for (int i = 0; i < ROWS; i++) {
            const __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[p * ROWS + i]);
            s[i][0] = _mm512_dpbf16_ps(s[i][0], x, y0);
            s[i][1] = _mm512_dpbf16_ps(s[i][1], x, y1);
        }
    }
    UNROLL for (int i = 0; i < ROWS; i++)
        UNROLL for (int j = 0; j < 2; j++) _mm512_storeu_ps(c + i * ld + j * LANES, s[i][j]);
}
PRODUCT(product_v4, V4, 12, 2)
PRODUCT(product_v3, V3, 4, 1)
#endif
PRODUCT(product_v1, , 2, 1)

bool drrl_supports_bf16(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

long drrl_bf16_work(void) { return (PACKED_ROWS + PACKED_COLUMNS) * (DEPTH / 2) + SLACK; }

// c[rows][columns], which a block overlaps; sums are made as in a whole one.
static void product_at_edge(float *c, long ld, const uint32_t *a, const uint32_t *b, long pairs, bool add, long rows,
                            long columns, block_product *block) {
    float whole[ROWS * COLUMNS] = {0};
    for (long i = 0; add && i < rows; i++) memcpy(whole + i * COLUMNS, c + i * ld, (size_t)columns * sizeof(float));
    block(whole, COLUMNS, a, b, pairs, add);
    for (long i = 0; i < rows; i++) memcpy(c + i * ld, whole + i * COLUMNS, (size_t)columns * sizeof(float));
}

static long least(long a, long b) { return a < b ? a : b; }

void drrl_bf16_gemm(drrl_instruction_set set, bool native, const drrl_bf16_product *o, uint32_t *work) {
    block_product *block = FOR_UNIT(product, set, native);
    drrl_bf16_packing *pack = drrl_bf16_packing_for(set, native);
    uint32_t *packed_b = work, *packed_a = work + PACKED_COLUMNS * (DEPTH / 2);
    // A sum in parts of even length, as long as each other.
    const long parts = (o->k + DEPTH - 1) / DEPTH, depth = ((o->k + parts - 1) / parts + 1) / 2 * 2;
    for (long j0 = 0; j0 < o->n; j0 += PACKED_COLUMNS) {
        const long columns = least(o->n - j0, PACKED_COLUMNS);
        for (long k = 0; k < o->k; k += depth) {
            const long terms = least(o->k - k, depth), pairs = (terms + 1) / 2;
            const bool add = o->add || k > 0;
            pack(packed_b, o->b + (o->b_transposed ? j0 * o->ldb + k : k * o->ldb + j0), o->ldb, o->b_transposed, terms,
                 columns, COLUMNS);
            for (long i0 = 0; i0 < o->m; i0 += PACKED_ROWS) {
                const long rows = least(o->m - i0, PACKED_ROWS);
                pack(packed_a, o->a + (o->a_transposed ? k * o->lda + i0 : i0 * o->lda + k), o->lda, !o->a_transposed,
                     terms, rows, ROWS);
                for (long j = 0; j < columns; j += COLUMNS)
                    for (long i = 0; i < rows; i += ROWS) {
                        float *c = o->c + (i0 + i) * o->ldc + j0 + j;
                        const uint32_t *a = packed_a + i * pairs, *b = packed_b + j * pairs;
                        const long height = least(rows - i, ROWS), width = least(columns - j, COLUMNS);
                        if (height == ROWS && width == COLUMNS) block(c, o->ldc, a, b, pairs, add);
                        else product_at_edge(c, o->ldc, a, b, pairs, add, height, width, block);
                    }
            }
        }
    }
}
