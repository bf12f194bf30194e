#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

// Philox4x32-10: ten rounds of two 32x32 -> 64 bit products (Salmon et al. 2011, section 5.2).
DRRL_INLINE void philox_rounds(uint32_t c[4], uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t n0 = (uint32_t)(b >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
        c[1] = (uint32_t)b;
        c[3] = (uint32_t)a;
        c[0] = n0;
        c[2] = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

void drrl_philox(uint32_t out[4], uint64_t key, const uint32_t counter[4]) {
    memcpy(out, counter, 4 * sizeof(uint32_t));
    philox_rounds(out, (uint32_t)key, (uint32_t)(key >> 32));
}

DRRL_KERNEL
void drrl_dropout(float *x, long ld, long rows, long columns, uint64_t key, uint64_t sample,
                  long first_row, long first_column, float rate) {
    enum { BLOCKS = 64 };
    float keep = 1.0f / (1.0f - rate);
    // A word below the threshold drops its element: probability `rate` to 2^-32.
    uint32_t threshold = (uint32_t)((double)rate * 4294967296.0);
    // A block's words are those of four columns, of which the first may lie before first_column.
    const long before = first_column % 4;
    for (long r = 0; r < rows; r++) {
        for (long first = -before; first < columns; first += 4 * BLOCKS) {
            uint32_t word[4][BLOCKS];
            long n = columns - first < 4 * BLOCKS ? columns - first : 4 * BLOCKS;
            for (int b = 0; b < (int)(n + 3) / 4; b++) {
                uint32_t c[4] = {(uint32_t)((first_column + first) / 4 + b), (uint32_t)(first_row + r),
                                 (uint32_t)sample, (uint32_t)(sample >> 32)};
                philox_rounds(c, (uint32_t)key, (uint32_t)(key >> 32));
                for (int i = 0; i < 4; i++) word[i][b] = c[i];
            }
            float *row = x + r * ld + first;
            for (long c = first < 0 ? before : 0; c < n; c++) row[c] = word[c & 3][c >> 2] < threshold ? 0.0f : row[c] * keep;
        }
    }
}

DRRL_KERNEL
void drrl_normal(float *x, uint64_t key, uint64_t first, long count, float deviation) {
    // One block gives two pairs of uniforms, and each pair two deviates.
    for (long i = 0; i < count;) {
        uint64_t index = first + (uint64_t)i, block = index / 4;
        uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
        philox_rounds(c, (uint32_t)key, (uint32_t)(key >> 32));
        float z[4];
        for (int pair = 0; pair < 2; pair++) {
            // (0, 1] and [0, 2 pi) from the upper 24 bits.
            float u = (float)((c[2 * pair] >> 8) + 1) * 0x1p-24f;
            float angle = (float)(c[2 * pair + 1] >> 8) * (0x1p-24f * 6.2831853071795865f);
            float radius = sqrtf(-2.0f * logf(u));
            z[2 * pair] = radius * cosf(angle);
            z[2 * pair + 1] = radius * sinf(angle);
        }
        for (long lane = (long)(index % 4); lane < 4 && i < count; lane++) x[i++] = z[lane] * deviation;
    }
}
