#include "include/CKernels.h"
#include "vector.h"

#include <math.h>

DRRL_INLINE float row_rstd(const float *x, long width, float eps) {
    v16 squares = splat(0);
    long c = 0;
    for (; c + LANES <= width; c += LANES) {
        v16 v = load(x + c);
        squares += v * v;
    }
    if (c < width) {
        v16 v = load_part(x + c, width - c, 0);
        squares += v * v;
    }
    return 1.0f / sqrtf(sum_lanes(squares) / (float)width + eps);
}

DRRL_INLINE void row_apply(float *y, const float *x, const float *gain, long width, float rstd) {
    v16 s = splat(rstd);
    long c = 0;
    for (; c + LANES <= width; c += LANES) store(y + c, load(x + c) * s * load(gain + c));
    if (c < width) {
        long n = width - c;
        store_part(y + c, load_part(x + c, n, 0) * s * load_part(gain + c, n, 0), n);
    }
}

DRRL_KERNEL
void drrl_rmsnorm_forward(float *y, float *rstd, const float *x, const float *gain, long rows, long width, float eps) {
    for (long r = 0; r < rows; r++) {
        rstd[r] = row_rstd(x + r * width, width, eps);
        row_apply(y + r * width, x + r * width, gain, width, rstd[r]);
    }
}

DRRL_KERNEL
void drrl_rmsnorm_apply(float *y, const float *rstd, const float *x, const float *gain, long rows, long width) {
    for (long r = 0; r < rows; r++) row_apply(y + r * width, x + r * width, gain, width, rstd[r]);
}

// With n = x * rstd and g = dy * gain: dx = rstd * (g - n * mean(g * n)).
DRRL_KERNEL
void drrl_rmsnorm_backward(float *dx, float *dgain, const float *dy, const float *x, const float *rstd,
                           const float *gain, long rows, long width) {
    for (long r = 0; r < rows; r++) {
        const float *xr = x + r * width, *dyr = dy + r * width;
        float *dxr = dx + r * width;
        v16 s = splat(rstd[r]), sum = splat(0);
        long c = 0;
        for (; c + LANES <= width; c += LANES) {
            v16 n = load(xr + c) * s, d = load(dyr + c);
            sum += d * load(gain + c) * n;
            store(dgain + c, load(dgain + c) + d * n);
        }
        if (c < width) {
            long k = width - c;
            v16 n = load_part(xr + c, k, 0) * s, d = load_part(dyr + c, k, 0);
            sum += d * load_part(gain + c, k, 0) * n;
            store_part(dgain + c, load_part(dgain + c, k, 0) + d * n, k);
        }
        v16 mean = splat(sum_lanes(sum) / (float)width);
        for (c = 0; c + LANES <= width; c += LANES) {
            v16 n = load(xr + c) * s, g = load(dyr + c) * load(gain + c);
            store(dxr + c, load(dxr + c) + s * (g - n * mean));
        }
        if (c < width) {
            long k = width - c;
            v16 n = load_part(xr + c, k, 0) * s, g = load_part(dyr + c, k, 0) * load_part(gain + c, k, 0);
            store_part(dxr + c, load_part(dxr + c, k, 0) + s * (g - n * mean), k);
        }
    }
}
