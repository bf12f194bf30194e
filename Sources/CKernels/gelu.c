#include "include/CKernels.h"
#include "vector.h"

// gelu(x) = x * sigmoid(2u) with u = sqrt(2/pi) * (x + 0.044715 x^3): the tanh form, with one exponential.
#define sigmoid_2u(x) (1.0f / (1.0f + exp16((x) * -1.5957691216f * (1.0f + 0.044715f * (x) * (x)))))
#define gelu_slope(x, s) \
    ((s) + (x) * (s) * (1.0f - (s)) * (1.5957691216f * (1.0f + 3.0f * 0.044715f * (x) * (x))))

DRRL_KERNEL
void drrl_gelu_forward(float *y, float *h, const float *bias, long rows, long columns) {
    for (long r = 0; r < rows; r++) {
        float *hr = h + r * columns, *yr = y + r * columns;
        long c = 0;
        for (; c + LANES <= columns; c += LANES) {
            v16 x = load(hr + c) + load(bias + c);
            store(hr + c, x);
            store(yr + c, x * sigmoid_2u(x));
        }
        if (c < columns) {
            long n = columns - c;
            v16 x = load_part(hr + c, n, 0) + load_part(bias + c, n, 0);
            store_part(hr + c, x, n);
            store_part(yr + c, x * sigmoid_2u(x), n);
        }
    }
}

DRRL_KERNEL
void drrl_gelu_backward(float *y, float *dy, const float *h, long count) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
        v16 x = load(h + i), s = sigmoid_2u(x);
        store(y + i, x * s);
        store(dy + i, load(dy + i) * gelu_slope(x, s));
    }
    if (i < count) {
        long n = count - i;
        v16 x = load_part(h + i, n, 0), s = sigmoid_2u(x);
        store_part(y + i, x * s, n);
        store_part(dy + i, load_part(dy + i, n, 0) * gelu_slope(x, s), n);
    }
}
