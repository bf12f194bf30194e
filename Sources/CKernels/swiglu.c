#include "include/CKernels.h"
#include "vector.h"

#define sigmoid(x) (1.0f / (1.0f + exp16(-(x))))

// A row of `hidden` is the gate, then what it lets through, `width` columns each.

DRRL_KERNEL
void drrl_swiglu_forward(float *y, float *hidden, const float *bias, long rows, long width) {
    for (long r = 0; r < rows; r++) {
        float *gate = hidden + r * 2 * width, *up = gate + width;
        if (bias) drrl_add(gate, bias, 2 * width);
        float *yr = y + r * width;
        long c = 0;
        for (; c + LANES <= width; c += LANES) {
            v16 g = load(gate + c);
            store(yr + c, g * sigmoid(g) * load(up + c));
        }
        if (c < width) {
            long n = width - c;
            v16 g = load_part(gate + c, n, 0);
            store_part(yr + c, g * sigmoid(g) * load_part(up + c, n, 0), n);
        }
    }
}

DRRL_KERNEL
void drrl_swiglu_backward(float *dhidden, float *dy, const float *hidden, long rows, long width) {
    for (long r = 0; r < rows; r++) {
        const float *gate = hidden + r * 2 * width, *up = gate + width;
        float *dgate = dhidden + r * 2 * width, *dup = dgate + width, *dyr = dy + r * width;
        long c = 0;
        for (; c + LANES <= width; c += LANES) {
            v16 g = load(gate + c), u = load(up + c), d = load(dyr + c);
            v16 s = sigmoid(g), silu = g * s;
            store(dyr + c, silu * u);
            store(dgate + c, d * u * (s + silu * (1.0f - s)));
            store(dup + c, d * silu);
        }
        if (c < width) {
            long n = width - c;
            v16 g = load_part(gate + c, n, 0), u = load_part(up + c, n, 0), d = load_part(dyr + c, n, 0);
            v16 s = sigmoid(g), silu = g * s;
            store_part(dyr + c, silu * u, n);
            store_part(dgate + c, d * u * (s + silu * (1.0f - s)), n);
            store_part(dup + c, d * silu, n);
        }
    }
}
