#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

#define adamw_lanes(p, g, m, v)                                      \
    do {                                                             \
        v16 g_ = (g) * o.gradient_scale;                             \
        m = o.beta1 * m + (1.0f - o.beta1) * g_;                     \
        v = o.beta2 * v + (1.0f - o.beta2) * g_ * g_;                \
        p = p * shrink - step * m / (__builtin_elementwise_sqrt(v) * root + o.epsilon); \
    } while (0)

DRRL_KERNEL
void drrl_adamw(float *parameter, const float *gradient, float *cleared, float *m, float *v, long count,
                const drrl_adamw_options *options) {
    const drrl_adamw_options o = *options;
    const float shrink = 1.0f - o.learning_rate * o.weight_decay;
    const float step = o.learning_rate / o.bias_correction1;
    const float root = 1.0f / sqrtf(o.bias_correction2);
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
        v16 pi = load(parameter + i), mi = load(m + i), vi = load(v + i);
        adamw_lanes(pi, load(gradient + i), mi, vi);
        store(parameter + i, pi);
        store(m + i, mi);
        store(v + i, vi);
        store(cleared + i, splat(0));
    }
    if (i < count) {
        long n = count - i;
        v16 pi = load_part(parameter + i, n, 0), mi = load_part(m + i, n, 0), vi = load_part(v + i, n, 0);
        adamw_lanes(pi, load_part(gradient + i, n, 0), mi, vi);
        store_part(parameter + i, pi, n);
        store_part(m + i, mi, n);
        store_part(v + i, vi, n);
        store_part(cleared + i, splat(0), n);
    }
}

DRRL_KERNEL
double drrl_sum_of_squares(const float *x, long count) {
    // Eight double lanes: the products are exact and the sum keeps its digits over any arena.
    typedef double d8 __attribute__((vector_size(64)));
    typedef float f8 __attribute__((vector_size(32)));
    d8 sum = {0, 0, 0, 0, 0, 0, 0, 0};
    long i = 0;
    for (; i + 8 <= count; i += 8) {
        f8 f;
        memcpy(&f, x + i, sizeof f);
        d8 d = __builtin_convertvector(f, d8);
        sum += d * d;
    }
    double total = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
    for (; i < count; i++) total += (double)x[i] * (double)x[i];
    return total;
}
