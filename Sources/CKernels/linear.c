#include "include/CKernels.h"
#include "vector.h"

void drrl_broadcast_row(float *y, const float *bias, long rows, long columns) {
    for (long r = 0; r < rows; r++) memcpy(y + r * columns, bias, (size_t)columns * sizeof(float));
}

DRRL_KERNEL
void drrl_add_row(float *y, const float *bias, long rows, long columns) {
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c++) y[r * columns + c] += bias[c];
}

DRRL_KERNEL
void drrl_residual_forward(float *out, const float *residual, const float *y, const float *bias,
                           long rows, long columns) {
    for (long r = 0; r < rows; r++) {
        float *o = out + r * columns;
        const float *a = residual + r * columns, *b = y + r * columns;
        if (bias)
            for (long c = 0; c < columns; c++) o[c] = a[c] + b[c] + bias[c];
        else
            for (long c = 0; c < columns; c++) o[c] = a[c] + b[c];
    }
}

DRRL_KERNEL
void drrl_column_sum(float *sum, const float *x, long rows, long columns, long ld) {
    // Column strips that stay in the first-level cache while the rows stream by.
    enum { STRIP = 512 };
    float local[STRIP];
    for (long first = 0; first < columns; first += STRIP) {
        long n = columns - first < STRIP ? columns - first : STRIP;
        for (long c = 0; c < n; c++) local[c] = 0;
        for (long r = 0; r < rows; r++)
            for (long c = 0; c < n; c++) local[c] += x[r * ld + first + c];
        for (long c = 0; c < n; c++) sum[first + c] += local[c];
    }
}

DRRL_KERNEL
void drrl_add(float *y, const float *x, long count) {
    for (long i = 0; i < count; i++) y[i] += x[i];
}
