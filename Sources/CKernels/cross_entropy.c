#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

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
        v16 largest = splat(x[0]);
        long c = 0;
        for (; c + LANES <= columns; c += LANES) largest = max16(load(x + c), largest);
        if (c < columns) largest = max16(load_part(x + c, columns - c, x[0]), largest);
        float top = max_lanes(largest), at_target = x[target];
        v16 shift = splat(top);
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
        loss[r] = log(total) + (double)top - (double)at_target;
        if (gradient) {
            float factor = (float)((double)scale / total);
            for (c = 0; c < columns; c++) x[c] *= factor;
            x[target] -= scale;
        }
    }
}
