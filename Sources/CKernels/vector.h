// Sixteen float lanes, whatever the CPU's vector width, and the few operations that the kernels need of them.
// They are macros, because a vector may not cross a call between functions that are compiled for different CPUs.
#ifndef DRRL_VECTOR_H
#define DRRL_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define DRRL_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DRRL_KERNEL
#endif
#define DRRL_INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };
typedef float v16 __attribute__((ext_vector_type(16)));
typedef int32_t i16 __attribute__((ext_vector_type(16)));
typedef float v16_unaligned __attribute__((ext_vector_type(16), aligned(4), may_alias));

#define splat(x) ((v16)(float)(x))
#define load(p) (*(const v16_unaligned *)(p))
#define store(p, v) (*(v16_unaligned *)(p) = (v))

// The first n of 16 lanes; the others are `fill`, and are not stored.
#define load_part(p, n, fill)                                        \
    ({                                                               \
        v16 part_ = splat(fill);                                     \
        memcpy(&part_, (p), (size_t)(n) * sizeof(float));            \
        part_;                                                       \
    })
#define store_part(p, v, n)                                          \
    do {                                                             \
        v16 part_ = (v);                                             \
        memcpy((p), &part_, (size_t)(n) * sizeof(float));            \
    } while (0)

#define max16(a, b) __builtin_elementwise_max((v16)(a), (v16)(b))
#define min16(a, b) __builtin_elementwise_min((v16)(a), (v16)(b))
#define max_lanes(v) __builtin_reduce_max(v)

// Halves onto halves: one fixed order on every CPU.
#define sum_lanes(v)                                                 \
    ({                                                               \
        v16 lanes_ = (v);                                            \
        __auto_type s8_ = lanes_.lo + lanes_.hi;                     \
        __auto_type s4_ = s8_.lo + s8_.hi;                           \
        __auto_type s2_ = s4_.lo + s4_.hi;                           \
        s2_.x + s2_.y;                                               \
    })

// exp(x) within 2 ulp on [-87.3, 88.7], clamped outside; NaN stays NaN.
// Cody & Waite's reduction (1980) by rounding with 1.5 * 2^23, then a polynomial of degree 6.
#define exp16(x)                                                     \
    ({                                                               \
        const v16 x_ = (x);                                          \
        const v16 y_ = x_ != x_ ? x_ : min16(max16(x_, splat(-87.3f)), splat(88.7f)); \
        const v16 shifted_ = y_ * 1.44269504f + 12582912.0f;         \
        const v16 n_ = shifted_ - 12582912.0f;                       \
        v16 r_ = y_ - n_ * 0.693359375f;                             \
        r_ = r_ - n_ * -2.12194440e-4f;                              \
        v16 p_ = r_ * 1.9875691500e-4f + 1.3981999507e-3f;           \
        p_ = p_ * r_ + 8.3334519073e-3f;                             \
        p_ = p_ * r_ + 4.1665795894e-2f;                             \
        p_ = p_ * r_ + 1.6666665459e-1f;                             \
        p_ = p_ * r_ + 5.0000001201e-1f;                             \
        p_ = p_ * (r_ * r_) + (r_ + 1.0f);                           \
        /* Two factors, so that 2^128 does not overflow the exponent field. */ \
        const i16 k_ = (i16)shifted_ - 0x4B400000; \
        const i16 half_ = k_ >> 1;                                   \
        p_ * (v16)((half_ + 127) << 23)              \
            * (v16)((k_ - half_ + 127) << 23);       \
    })

#endif
