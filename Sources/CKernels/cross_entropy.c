#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

// x <- exp(x - largest), and their sum.
DRRL_INLINE double exponentials(float *x, long columns, float *largest) {
    v16 top = splat(x[0]);
    long c = 0;
    for (; c + LANES <= columns; c += LANES) top = max16(load(x + c), top);
    if (c < columns) top = max16(load_part(x + c, columns - c, x[0]), top);
    *largest = max_lanes(top);
    v16 shift = splat(*largest);
    // Lanes are flushed into a double now and then: float lanes alone lose digits over a large vocabulary.
    double total = 0;
    for (c = 0; c + LANES <= columns;) {
        v16 sum = splat(0);
        for (long end = c + 64 * LANES; c + LANES <= columns && c < end; c += LANES) {
            v16 e = exp16(load(x + c) - shift);
            sum += e;
            store(x + c, e);
        }
        total += (double)sum_lanes(sum);
    }
    if (c < columns) {
        v16 e = exp16(load_part(x + c, columns - c, 0) - shift);
        store_part(x + c, e, columns - c);
        total += (double)sum_lanes(load_part(x + c, columns - c, 0));
    }
    return total;
}

DRRL_KERNEL
void drrl_cross_entropy(double *loss, float *logits, const int32_t *targets, long rows, long columns,
                        float scale, bool gradient) {
    for (long r = 0; r < rows; r++) {
        float *x = logits + r * columns;
        int32_t target = targets[r];
        if (target < 0) {
            loss[r] = 0;
            if (gradient) memset(x, 0, (size_t)columns * sizeof(float));
            continue;
        }
        float top, at_target = x[target];
        double total = exponentials(x, columns, &top);
        loss[r] = log(total) + (double)top - (double)at_target;
        if (gradient) {
            float factor = (float)((double)scale / total);
            for (long c = 0; c < columns; c++) x[c] *= factor;
            x[target] -= scale;
        }
    }
}

DRRL_KERNEL
void drrl_draw_targets(int32_t *targets, float *logits, const double *uniforms, long rows, long columns) {
    for (long r = 0; r < rows; r++) {
        if (targets[r] < 0) continue;
        float *x = logits + r * columns, top;
        double left = uniforms[r] * exponentials(x, columns, &top);
        long c = 0;
        for (; c + LANES < columns; c += LANES) {
            double part = (double)sum_lanes(load(x + c));
            if (left < part) break;
            left -= part;
        }
        // The last column where rounding leaves some.
        while (c + 1 < columns && left >= (double)x[c]) left -= (double)x[c++];
        targets[r] = (int32_t)c;
    }
}
