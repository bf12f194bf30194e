#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

// The largest element of a row.
DRRL_INLINE float largest_of(const float *x, long columns) {
    v16 largest = splat(x[0]);
    long c = 0;
    for (; c + LANES <= columns; c += LANES) largest = max16(load(x + c), largest);
    if (c < columns) largest = max16(load_part(x + c, columns - c, x[0]), largest);
    return max_lanes(largest);
}

DRRL_KERNEL
void drrl_divergence(double *divergence, const float *p, const float *q, long rows, long columns) {
    for (long r = 0; r < rows; r++) {
        const float *x = p + r * columns, *y = q + r * columns;
        const float x_top = largest_of(x, columns), y_top = largest_of(y, columns);
        const v16 x_shift = splat(x_top), y_shift = splat(y_top);
        // Sums of e^x, of e^y, and of e^x (x - y), all after the shift; lanes go into doubles now and then.
        double x_sum = 0, y_sum = 0, between = 0;
        for (long c = 0; c < columns;) {
            v16 xs = splat(0), ys = splat(0), bs = splat(0);
            for (long end = c + 64 * LANES; c < columns && c < end; c += LANES) {
                const long n = columns - c;
                const v16 a = (n < LANES ? load_part(x + c, n, -INFINITY) : load(x + c)) - x_shift;
                const v16 b = (n < LANES ? load_part(y + c, n, -INFINITY) : load(y + c)) - y_shift;
                const v16 e = exp16(a);
                xs += e;
                ys += exp16(b);
                // Missing columns have e = 0, and infinities that would not vanish in the product.
                bs += n < LANES ? e * (load_part(x + c, n, 0) - load_part(y + c, n, 0) - x_shift + y_shift) : e * (a - b);
            }
            x_sum += (double)sum_lanes(xs);
            y_sum += (double)sum_lanes(ys);
            between += (double)sum_lanes(bs);
        }
        divergence[r] = between / x_sum - log(x_sum) + log(y_sum);
    }
}
