#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

DRRL_INLINE float row_top(const float *x, long columns, float least) {
    v16 largest = splat(least);
    long c = 0;
    for (; c + LANES <= columns; c += LANES) largest = max16(load(x + c), largest);
    if (c < columns) largest = max16(load_part(x + c, columns - c, least), largest);
    return max_lanes(largest);
}

DRRL_INLINE void exp_row(float *x, long columns, float shift, float floor) {
    v16 by = splat(shift), least = splat(floor);
    long c = 0;
    for (; c + LANES <= columns; c += LANES) store(x + c, exp16(load(x + c) - by) + least);
    if (c < columns) store_part(x + c, exp16(load_part(x + c, columns - c, 0) - by) + least, columns - c);
}

DRRL_KERNEL
void drrl_query_features(float *x, long rows, long columns, float floor) {
    for (long r = 0; r < rows; r++) {
        float *row = x + r * columns;
        exp_row(row, columns, row_top(row, columns, -3.0e38f), floor);
    }
}

DRRL_KERNEL
void drrl_key_features(float *x, float *log_scale, const float *half_norm, float before, long rows,
                       long columns, float floor) {
    for (long r = 0; r < rows; r++) {
        float *row = x + r * columns;
        float own = row_top(row, columns, -3.0e38f) - half_norm[r];
        if (own > before) before = own;
        log_scale[r] = before;
        exp_row(row, columns, half_norm[r] + before, floor);
    }
}

DRRL_KERNEL
void drrl_features_backward(float *dx, float *sum, const float *x, long rows, long columns, float floor) {
    v16 least = splat(floor);
    for (long r = 0; r < rows; r++) {
        float *d = dx + r * columns;
        const float *y = x + r * columns;
        v16 total = splat(0);
        long c = 0;
        for (; c + LANES <= columns; c += LANES) {
            v16 gradient = load(d + c) * (load(y + c) - least);
            store(d + c, gradient);
            total += gradient;
        }
        if (c < columns) {
            v16 gradient = load_part(d + c, columns - c, 0) * (load_part(y + c, columns - c, 0) - least);
            store_part(d + c, gradient, columns - c);
            total += gradient;
        }
        sum[r] = sum_lanes(total);
    }
}

DRRL_KERNEL
void drrl_decay_tile(float *a, long ld, long rows, const float *log_scale) {
    for (long r = 0; r < rows; r++) {
        float *row = a + r * ld;
        v16 own = splat(log_scale[r]);
        long n = r + 1, c = 0;
        for (; c + LANES <= n; c += LANES) store(row + c, load(row + c) * exp16(load(log_scale + c) - own));
        if (c < n) {
            v16 factor = exp16(load_part(log_scale + c, n - c, 0) - own);
            store_part(row + c, load_part(row + c, n - c, 0) * factor, n - c);
        }
        if (n < rows) memset(row + n, 0, (size_t)(rows - n) * sizeof(float));
    }
}
