// Row-wise vector loops. Every function is compiled for AVX-512, AVX2 and the baseline, and picks one at run time.
// Sums run over 16 fixed lanes on every CPU, so that the order of a sum does not depend on the vector width.
// Shapes: rows x columns, row-major; `ld` is the distance between rows. Nothing here allocates or fails.
#ifndef DRRL_CKERNELS_H
#define DRRL_CKERNELS_H

#include <stdbool.h>
#include <stdint.h>

// Tells the core that this thread waits in a loop.
static inline void drrl_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// --- LayerNorm (Ba et al. 2016), over rows of `width`, eps as given.
void drrl_layernorm_forward(float *y, float *mean, float *rstd, const float *x, const float *gamma,
                            const float *beta, long rows, long width, float eps);
// y from the statistics that the forward pass kept.
void drrl_layernorm_apply(float *y, const float *mean, const float *rstd, const float *x,
                          const float *gamma, const float *beta, long rows, long width);
// dx += , dgamma += , dbeta +=.
void drrl_layernorm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                             const float *mean, const float *rstd, const float *gamma, long rows,
                             long width);

// --- RMSNorm (Zhang & Sennrich 2019), over rows of `width`, eps as given.
void drrl_rmsnorm_forward(float *y, float *rstd, const float *x, const float *gain, long rows, long width, float eps);
// y from the rstd that the forward pass kept.
void drrl_rmsnorm_apply(float *y, const float *rstd, const float *x, const float *gain, long rows, long width);
// dx += , dgain +=.
void drrl_rmsnorm_backward(float *dx, float *dgain, const float *dy, const float *x, const float *rstd,
                           const float *gain, long rows, long width);

// --- GELU, tanh form (Hendrycks & Gimpel 2016).
// h += bias (per column), y = gelu(h).
void drrl_gelu_forward(float *y, float *h, const float *bias, long rows, long columns);
// y = gelu(h) again, and dh = dy * gelu'(h) in place of dy.
void drrl_gelu_backward(float *y, float *dy, const float *h, long count);

// --- SwiGLU (Shazeer 2020) over hidden: rows x 2 width, gates in the first half of a row.
// hidden += bias (2 width) where it is not NULL, y = silu(gate) * the second half; y: rows x width.
void drrl_swiglu_forward(float *y, float *hidden, const float *bias, long rows, long width);
// dhidden = gradient of hidden given dy; in place of dy, y again. dhidden may be hidden itself.
void drrl_swiglu_backward(float *dhidden, float *dy, const float *hidden, long rows, long width);

// --- Rotary positions (Su et al. 2021): columns i and i + half of a head turn by the angle of (row, i). A row has `heads`
// heads of 2 half columns; row r's cosines and sines begin at r * ld_angles, and `direction` is 1, or -1 to turn back.
void drrl_rotate(float *x, long ld, long rows, long heads, long half, const float *cosines, const float *sines,
                 long ld_angles, float direction);

// --- Linear maps' edges.
// Every row = bias.
void drrl_broadcast_row(float *y, const float *bias, long rows, long columns);
// Every row of y += bias.
void drrl_add_row(float *y, const float *bias, long rows, long columns);
// out = residual + y + bias, or without a bias where it is NULL.
void drrl_residual_forward(float *out, const float *residual, const float *y, const float *bias,
                           long rows, long columns);
// sum[c] += sum over rows of x[r * ld + c].
void drrl_column_sum(float *sum, const float *x, long rows, long columns, long ld);
void drrl_add(float *y, const float *x, long count);

// --- Softmax tiles (Dao et al. 2022). Row r of a tile sees its first min(columns, valid + r) columns.
// Scores -> exp(score - running maximum), zero where masked; `out` (rows x width) is rescaled to the new maximum.
void drrl_softmax_tile_forward(float *scores, long ld, long rows, long columns, long valid,
                               float *row_max, float *row_sum, float *out, long width);
// out / row_sum into `y` (distance ld_y); lse = row_max + log(row_sum).
void drrl_softmax_tile_finish(float *y, long ld_y, float *lse, const float *out, const float *row_max,
                              const float *row_sum, long rows, long width);
// Scores -> probabilities exp(score - lse); dp -> p * (dp - delta) * scale; both zero where masked.
void drrl_softmax_tile_backward(float *scores, float *dp, long ld, long rows, long columns, long valid,
                                const float *lse, const float *delta, float scale);
// What a softmax weighs, piece by piece, over a piece of `columns` scores and as many of each of `count` rows of values:
// sums[0] += exp(score - top), sums[1 + i] += exp(score - top) * values[i * ld + c]. top becomes the largest score so far, and
// the sums so far follow it; before the first piece it is -FLT_MAX, and sums are 0.
void drrl_softmax_sums(double *sums, float *top, const float *scores, const float *values, long ld, long count, long columns);
// delta[r] = sum_c a[r, c] * b[r, c].
void drrl_row_dot(float *delta, const float *a, long ld_a, const float *b, long ld_b, long rows,
                  long columns);

// --- Kernels with register blocks of their own are compiled for every instruction set.
typedef enum { DRRL_BASELINE, DRRL_AVX2, DRRL_AVX512 } drrl_instruction_set;
bool drrl_supports(drrl_instruction_set set);

// --- Products of matrices rounded to bfloat16 (nearest, ties to even), summed in float32; an element's sum depends on
// its terms and the unit alone. c = op(a) op(b), or += where `add`; op(a): m x k, op(b): k x n, k >= 1.
typedef struct {
    long m, n, k;
    const float *a;
    long lda;
    bool a_transposed;
    const float *b;
    long ldb;
    bool b_transposed;
    float *c;
    long ldc;
    bool add;
} drrl_bf16_product;
// Whether the CPU multiplies bfloat16 itself (AVX-512 BF16), which takes subnormal numbers for zero.
bool drrl_supports_bf16(void);
// Elements of `work`.
long drrl_bf16_work(void);
// On the CPU's own bfloat16 products where `native`, which it must support.
void drrl_bf16_gemm(drrl_instruction_set set, bool native, const drrl_bf16_product *product, uint32_t *work);

// --- Attention's packed micro-kernels: causal, one head of one sequence at a time; a rank is how many first columns of
// queries and keys, or of values, take part.
enum {
    DRRL_ATTENTION_BLOCK = 12,          // rows that are worked off together, and keys where their gradients are
    DRRL_ATTENTION_ROWS = 120,          // most rows of a forward tile
    DRRL_ATTENTION_GRADIENT_ROWS = 96,  // most rows of a backward tile
    DRRL_ATTENTION_GRADIENT_KEYS = 192, // keys of a backward tile
};

// Element (row, column) is dropped as drrl_dropout does.
typedef struct {
    uint64_t key, sample;
    float rate;
} drrl_attention_dropout;

// Rows of packed keys and values for `length` rows, and columns of packed values for `width`.
long drrl_attention_packed_rows(long length);
long drrl_attention_packed_width(long width);
// keys: panels of 32 rows, [packed rows / 32][key_rank][32], times scale * log2(e); values: [rows, packed width].
void drrl_attention_pack(float *keys, float *values, const float *k, long ld_k, const float *v, long ld_v, long rows,
                         long key_rank, long value_rank, float scale);

// Rows of a tile that see far keys at the same ranks.
typedef struct {
    long count, score_rank, value_rank;
} drrl_attention_group;
// Keys first ..< end, all before the queries, at lower ranks than the others; none where first = end = 0.
typedef struct {
    long first, end;
    const drrl_attention_group *groups; // whose counts add up to the tile's rows
    long group_count;
    const int32_t *order; // the tile's rows from 0, group after group; not read where there is one group
} drrl_attention_far;

typedef struct {
    const float *queries; // [rows, score_rank]
    long query_stride;
    const float *keys; // packed, at key_rank >= score_rank
    long key_rank;
    const float *values; // packed, from row 0
    long value_stride;
    long score_rank, value_rank;
    long first, rows; // positions of the queries
    float *out;       // [rows, value_rank]
    long out_stride;
    float *lse;                            // [rows]
    const drrl_attention_dropout *dropout; // or NULL
    drrl_attention_far far;
} drrl_attention_tile;
// Elements of `work` for heads of `width`.
long drrl_attention_forward_work(long width);
// out = softmax(queries keys^T, causal) values, and each row's log-sum-exp.
void drrl_attention_forward(drrl_instruction_set set, const drrl_attention_tile *tile, float *work);

// Keys first ..< first + count, at the largest ranks that any row has.
typedef struct {
    long first, count, key_rank, value_rank;
    float scale;
} drrl_attention_keys;

typedef struct {
    const float *queries; // [rows, score_rank]
    long query_stride;
    const float *dout; // [rows, value_rank]
    long dout_stride;
    const float *lse, *delta; // [rows]; delta is the dot product of a row of out with its gradient
    long score_rank, value_rank; // at which the rows see the tile of keys
    long query_columns;          // of dq, at least score_rank
    long first, rows;
    const drrl_attention_dropout *dropout; // or NULL
    // Which rows from `queries` on these are, where they are not one after the other: then all keys come before any of them.
    const int32_t *order;
    long before; // rows of earlier groups of the same rows, whose score gradients `queries` is still to read
} drrl_attention_gradient_tile;
// Elements of `work` for heads of `width`.
long drrl_attention_backward_work(long width);
// A tile of keys at a time: `begin`; then for each tile of rows that sees one of the keys, gradients of its scores go
// into the sums of dk and dv, and `queries` adds to dq (for the first tile of keys: writes dq); `end` writes the sums. Groups
// of at most DRRL_ATTENTION_GRADIENT_ROWS rows in all may each go through `backward` before the first goes through `queries`.
void drrl_attention_backward_begin(float *work, const drrl_attention_keys *keys, const float *k, long ld_k,
                                   const float *v, long ld_v);
void drrl_attention_backward(drrl_instruction_set set, float *work, const drrl_attention_keys *keys,
                             const drrl_attention_gradient_tile *tile);
void drrl_attention_backward_queries(drrl_instruction_set set, float *dq, long ld, float *work,
                                     const drrl_attention_keys *keys, const drrl_attention_gradient_tile *tile);
void drrl_attention_backward_end(float *dk, long ld_k, float *dv, long ld_v, float *work,
                                 const drrl_attention_keys *keys);

// --- Positive random features (Choromanski et al. 2021), rows x columns without gaps.
// x <- exp(x - the row's maximum) + floor.
void drrl_query_features(float *x, long rows, long columns, float floor);
// x <- exp(x - half_norm[r] - log_scale[r]) + floor, where log_scale[r] is the largest exponent of this row and those
// before it, or `before` if that is larger.
void drrl_key_features(float *x, float *log_scale, const float *half_norm, float before, long rows,
                       long columns, float floor);
// dx <- dx * (x - floor), x being the features; sum[r] = sum_c dx[r, c].
void drrl_features_backward(float *dx, float *sum, const float *x, long rows, long columns, float floor);
// a[r, c] <- a[r, c] * exp(log_scale[c] - log_scale[r]) where c <= r, else 0; rows x rows, distance ld.
void drrl_decay_tile(float *a, long ld, long rows, const float *log_scale);

// --- Cross-entropy over rows of logits.
// loss[r] = logsumexp(row) - row[target]; with `gradient`, row becomes (softmax(row) - onehot) * scale.
// A negative target gives loss 0 and gradient 0.
void drrl_cross_entropy(double *loss, float *logits, const int32_t *targets, long rows, long columns,
                        float scale, bool gradient);
// A target that is not negative becomes the first column at which the running sum of softmax(row) passes the row's number of
// `uniforms`, in [0, 1); `logits` is scratch thereafter.
void drrl_draw_targets(int32_t *targets, float *logits, const double *uniforms, long rows, long columns);

// --- Kullback and Leibler's divergence of the softmax of each row of q from that of p, in nats: sum p ln (p / q) >= 0.
void drrl_divergence(double *divergence, const float *p, const float *q, long rows, long columns);

// --- Philox4x32-10 (Salmon et al. 2011).
void drrl_philox(uint32_t out[4], uint64_t key, const uint32_t counter[4]);
// x[r, c] = kept ? x[r, c] * (1 / (1 - rate)) : 0. Element (r, c) is decided by block
// ((first_column + c) / 4, first_row + r, sample), so any tiling gives the same mask.
void drrl_dropout(float *x, long ld, long rows, long columns, uint64_t key, uint64_t sample,
                  long first_row, long first_column, float rate);
// Normal deviates first ... first + count - 1 of the stream `key`, times `deviation` (Box & Muller 1958).
void drrl_normal(float *x, uint64_t key, uint64_t first, long count, float deviation);

// --- Optimizer.
// AdamW (Loshchilov & Hutter 2019) on gradient * gradient_scale. `cleared` becomes zero: the gradient itself, or the
// rank's own where `gradient` holds the sum over ranks.
typedef struct {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    float bias_correction1, bias_correction2; // 1 - beta^t
    float gradient_scale;
} drrl_adamw_options;
void drrl_adamw(float *parameter, const float *gradient, float *cleared, float *m, float *v, long count,
                const drrl_adamw_options *options);
double drrl_sum_of_squares(const float *x, long count);

#endif
