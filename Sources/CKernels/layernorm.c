#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

DRRL_INLINE void row_statistics(const float *x, long width, float eps, float *mean, float *rstd) {
    v16 sum = splat(0);
    long c = 0;
    for (; c + LANES <= width; c += LANES) sum += load(x + c);
    if (c < width) sum += load_part(x + c, width - c, 0);
    float mu = sum_lanes(sum) / (float)width;
    v16 centre = splat(mu), squares = splat(0);
    for (c = 0; c + LANES <= width; c += LANES) {
        v16 d = load(x + c) - centre;
        squares += d * d;
    }
    if (c < width) {
        v16 d = load_part(x + c, width - c, mu) - centre;
        squares += d * d;
    }
    *mean = mu;
    *rstd = 1.0f / sqrtf(sum_lanes(squares) / (float)width + eps);
}

DRRL_INLINE void row_apply(float *y, const float *x, const float *gamma, const float *beta, long width,
                           float mean, float rstd) {
    v16 mu = splat(mean), s = splat(rstd);
    long c = 0;
    for (; c + LANES <= width; c += LANES)
        store(y + c, (load(x + c) - mu) * s * load(gamma + c) + load(beta + c));
    if (c < width) {
        long n = width - c;
        v16 v = (load_part(x + c, n, 0) - mu) * s * load_part(gamma + c, n, 0) + load_part(beta + c, n, 0);
        store_part(y + c, v, n);
    }
}

DRRL_KERNEL
void drrl_layernorm_forward(float *y, float *mean, float *rstd, const float *x, const float *gamma,
                            const float *beta, long rows, long width, float eps) {
    for (long r = 0; r < rows; r++) {
        row_statistics(x + r * width, width, eps, mean + r, rstd + r);
        row_apply(y + r * width, x + r * width, gamma, beta, width, mean[r], rstd[r]);
    }
}

DRRL_KERNEL
void drrl_layernorm_apply(float *y, const float *mean, const float *rstd, const float *x,
                          const float *gamma, const float *beta, long rows, long width) {
    for (long r = 0; r < rows; r++)
        row_apply(y + r * width, x + r * width, gamma, beta, width, mean[r], rstd[r]);
}

// With n = (x - mean) * rstd and g = dy * gamma: dx = rstd * (g - mean(g) - n * mean(g * n)).
DRRL_KERNEL
void drrl_layernorm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                             const float *mean, const float *rstd, const float *gamma, long rows,
                             long width) {
    for (long r = 0; r < rows; r++) {
        const float *xr = x + r * width, *dyr = dy + r * width;
        float *dxr = dx + r * width;
        v16 mu = splat(mean[r]), s = splat(rstd[r]);
        v16 sum_g = splat(0), sum_gn = splat(0);
        long c = 0;
        for (; c + LANES <= width; c += LANES) {
            v16 n = (load(xr + c) - mu) * s, d = load(dyr + c), g = d * load(gamma + c);
            sum_g += g;
            sum_gn += g * n;
            store(dgamma + c, load(dgamma + c) + d * n);
            store(dbeta + c, load(dbeta + c) + d);
        }
        if (c < width) {
            long k = width - c;
            v16 n = (load_part(xr + c, k, mean[r]) - mu) * s, d = load_part(dyr + c, k, 0);
            v16 g = d * load_part(gamma + c, k, 0);
            sum_g += g;
            sum_gn += g * n;
            store_part(dgamma + c, load_part(dgamma + c, k, 0) + d * n, k);
            store_part(dbeta + c, load_part(dbeta + c, k, 0) + d, k);
        }
        v16 a = splat(sum_lanes(sum_g) / (float)width), b = splat(sum_lanes(sum_gn) / (float)width);
        for (c = 0; c + LANES <= width; c += LANES) {
            v16 n = (load(xr + c) - mu) * s, g = load(dyr + c) * load(gamma + c);
            store(dxr + c, load(dxr + c) + s * (g - a - n * b));
        }
        if (c < width) {
            long k = width - c;
            v16 n = (load_part(xr + c, k, mean[r]) - mu) * s;
            v16 g = load_part(dyr + c, k, 0) * load_part(gamma + c, k, 0);
            store_part(dxr + c, load_part(dxr + c, k, 0) + s * (g - a - n * b), k);
        }
    }
}
