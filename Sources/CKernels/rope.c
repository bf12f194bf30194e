#include "include/CKernels.h"
#include "vector.h"

DRRL_INLINE void head_rotate(float *x, long half, const float *cosines, const float *sines, float direction) {
    float *low = x, *high = x + half;
    long c = 0;
    for (; c + LANES <= half; c += LANES) {
        v16 a = load(low + c), b = load(high + c), cosine = load(cosines + c), sine = load(sines + c) * direction;
        store(low + c, a * cosine - b * sine);
        store(high + c, b * cosine + a * sine);
    }
    if (c < half) {
        long n = half - c;
        v16 a = load_part(low + c, n, 0), b = load_part(high + c, n, 0);
        v16 cosine = load_part(cosines + c, n, 0), sine = load_part(sines + c, n, 0) * direction;
        store_part(low + c, a * cosine - b * sine, n);
        store_part(high + c, b * cosine + a * sine, n);
    }
}

DRRL_KERNEL
void drrl_rotate(float *x, long ld, long rows, long heads, long half, const float *cosines, const float *sines,
                 long ld_angles, float direction) {
    for (long r = 0; r < rows; r++) {
        for (long h = 0; h < heads; h++)
            head_rotate(x + r * ld + h * 2 * half, half, cosines + r * ld_angles, sines + r * ld_angles, direction);
    }
}
