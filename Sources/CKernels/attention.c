#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

DRRL_INLINE long visible(long columns, long valid, long row) {
    long n = valid + row;
    return n < 0 ? 0 : n < columns ? n : columns;
}

DRRL_INLINE void zero_from(float *row, long first, long columns) {
    if (first < columns) memset(row + first, 0, (size_t)(columns - first) * sizeof(float));
}

DRRL_KERNEL
void drrl_softmax_tile_forward(float *scores, long ld, long rows, long columns, long valid,
                               float *row_max, float *row_sum, float *out, long width) {
    for (long r = 0; r < rows; r++) {
        float *s = scores + r * ld;
        long n = visible(columns, valid, r), c = 0;
        if (n > 0) {
            v16 largest = splat(row_max[r]);
            for (; c + LANES <= n; c += LANES) largest = max16(load(s + c), largest);
            if (c < n) largest = max16(load_part(s + c, n - c, row_max[r]), largest);
            float top = max_lanes(largest);
            v16 shift = splat(top), sum = splat(0);
            for (c = 0; c + LANES <= n; c += LANES) {
                v16 p = exp16(load(s + c) - shift);
                sum += p;
                store(s + c, p);
            }
            if (c < n) {
                v16 p = exp16(load_part(s + c, n - c, 0) - shift);
                store_part(s + c, p, n - c);
                sum += load_part(s + c, n - c, 0);
            }
            if (top > row_max[r]) {
                float correction = expf(row_max[r] - top);
                row_sum[r] *= correction;
                for (long i = 0; i < width; i++) out[r * width + i] *= correction;
                row_max[r] = top;
            }
            row_sum[r] += sum_lanes(sum);
        }
        zero_from(s, n, columns);
    }
}

DRRL_KERNEL
void drrl_softmax_tile_finish(float *y, long ld_y, float *lse, const float *out, const float *row_max,
                              const float *row_sum, long rows, long width) {
    for (long r = 0; r < rows; r++) {
        float inverse = 1.0f / row_sum[r];
        for (long i = 0; i < width; i++) y[r * ld_y + i] = out[r * width + i] * inverse;
        lse[r] = row_max[r] + logf(row_sum[r]);
    }
}

DRRL_KERNEL
void drrl_softmax_tile_backward(float *scores, float *dp, long ld, long rows, long columns, long valid,
                                const float *lse, const float *delta, float scale) {
    v16 factor = splat(scale);
    for (long r = 0; r < rows; r++) {
        float *s = scores + r * ld, *d = dp + r * ld;
        long n = visible(columns, valid, r), c = 0;
        v16 shift = splat(lse[r]), mean = splat(delta[r]);
        for (; c + LANES <= n; c += LANES) {
            v16 p = exp16(load(s + c) - shift);
            store(s + c, p);
            store(d + c, p * (load(d + c) - mean) * factor);
        }
        if (c < n) {
            v16 p = exp16(load_part(s + c, n - c, 0) - shift);
            store_part(s + c, p, n - c);
            store_part(d + c, p * (load_part(d + c, n - c, 0) - mean) * factor, n - c);
        }
        zero_from(s, n, columns);
        zero_from(d, n, columns);
    }
}

DRRL_KERNEL
void drrl_row_dot(float *delta, const float *a, long ld_a, const float *b, long ld_b, long rows,
                  long columns) {
    for (long r = 0; r < rows; r++) {
        v16 sum = splat(0);
        long c = 0;
        for (; c + LANES <= columns; c += LANES) sum += load(a + r * ld_a + c) * load(b + r * ld_b + c);
        if (c < columns)
            sum += load_part(a + r * ld_a + c, columns - c, 0) * load_part(b + r * ld_b + c, columns - c, 0);
        delta[r] = sum_lanes(sum);
    }
}
