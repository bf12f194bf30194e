#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

DRRL_KERNEL
void drrl_softmax_sums(double *sums, float *top, const float *scores, const float *values, long ld, long count, long columns) {
    enum { BLOCK = 64 * LANES };
    if (columns <= 0) return;
    v16 most = splat(scores[0]);
    long c = 0;
    for (; c + LANES <= columns; c += LANES) most = max16(load(scores + c), most);
    if (c < columns) most = max16(load_part(scores + c, columns - c, scores[0]), most);
    float largest = max_lanes(most);
    if (largest > *top) {
        double factor = exp((double)*top - (double)largest);
        for (long i = 0; i <= count; i++) sums[i] *= factor;
        *top = largest;
    }
    v16 shift = splat(*top);
    float weights[BLOCK];
    for (long first = 0; first < columns; first += BLOCK) {
        long n = columns - first < BLOCK ? columns - first : BLOCK, whole = n / LANES * LANES;
        v16 sum = splat(0);
        for (c = 0; c < whole; c += LANES) {
            v16 e = exp16(load(scores + first + c) - shift);
            store(weights + c, e);
            sum += e;
        }
        v16 rest = splat(0);
        if (whole < n) {
            v16 e = exp16(load_part(scores + first + whole, n - whole, 0) - shift);
            store_part(weights + whole, e, n - whole);
            rest = load_part(weights + whole, n - whole, 0);
            sum += rest;
        }
        sums[0] += (double)sum_lanes(sum);
        for (long i = 0; i < count; i++) {
            const float *x = values + i * ld + first;
            v16 product = splat(0);
            for (c = 0; c < whole; c += LANES) product += load(weights + c) * load(x + c);
            if (whole < n) product += rest * load_part(x + whole, n - whole, 0);
            sums[1 + i] += (double)sum_lanes(product);
        }
    }
}
