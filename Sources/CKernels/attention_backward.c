#include "micro.h"

enum { KEYS = DRRL_ATTENTION_GRADIENT_KEYS, ROWS = DRRL_ATTENTION_GRADIENT_ROWS };

// Tiles of one thread; key_width and value_width are the ranks up to whole vectors.
typedef struct {
    float *key_panels, *value_panels; // [KEYS / 32][rank][32]
    float *keys, *key_sums;           // [KEYS, key_width]: keys times scale, and their gradient over scale
    float *value_sums;                // [KEYS, value_width]
    float *queries;                   // [ROWS, key_width]
    float *query_sums;                // [BLOCK, key_width]: their gradient, a block at a time
    float *dout;                      // [ROWS, value_width]
    float *p, *kept;                  // [ROWS, KEYS]
    float *ds;                        // [ROWS + BLOCK, KEYS]: a group's last block may reach beyond its rows
    long key_width, value_width;
} backward_state;

static float *take(float **next, long count) { return (*next += count) - count; }

static backward_state layout(float *work, const drrl_attention_keys *t) {
    const long key_width = padded(t->key_rank), value_width = padded(t->value_rank);
    return (backward_state){
        .key_panels = take(&work, KEYS * t->key_rank),
        .value_panels = take(&work, KEYS * t->value_rank),
        .keys = take(&work, KEYS * key_width),
        .key_sums = take(&work, KEYS * key_width),
        .value_sums = take(&work, KEYS * value_width),
        .queries = take(&work, ROWS * key_width),
        .query_sums = take(&work, BLOCK * key_width),
        .dout = take(&work, ROWS * value_width),
        .p = take(&work, ROWS * KEYS),
        .kept = take(&work, ROWS * KEYS),
        .ds = take(&work, (ROWS + BLOCK) * KEYS),
        .key_width = key_width,
        .value_width = value_width,
    };
}

long drrl_attention_backward_work(long width) {
    return KEYS * (2 * width + 3 * padded(width)) + (2 * ROWS + BLOCK) * padded(width) + (3 * ROWS + BLOCK) * KEYS;
}

void drrl_attention_backward_begin(float *work, const drrl_attention_keys *t, const float *k, long ld_k, const float *v,
                                   long ld_v) {
    const backward_state state = layout(work, t);
    pack_panels(state.key_panels, k, ld_k, t->count, t->key_rank, t->scale * LOG2E);
    pack_panels(state.value_panels, v, ld_v, t->count, t->value_rank, 1);
    copy_padded(state.keys, state.key_width, t->count, k, ld_k, t->count, t->key_rank);
    for (long i = 0; i < t->count * state.key_width; i++) state.keys[i] *= t->scale;
    memset(state.key_sums, 0, (size_t)(blocked(t->count) * state.key_width) * sizeof(float));
    memset(state.value_sums, 0, (size_t)(blocked(t->count) * state.value_width) * sizeof(float));
}

// The first block of rows that sees keys of the tile, its rows, and how many of the tile's keys a block sees at most.
DRRL_INLINE long first_block(const drrl_attention_keys *t, const drrl_attention_gradient_tile *q) {
    return t->first > q->first ? (t->first - q->first) / BLOCK * BLOCK : 0;
}

DRRL_INLINE long block_rows(const drrl_attention_gradient_tile *q, long b) {
    return q->rows - b < BLOCK ? q->rows - b : BLOCK;
}

DRRL_INLINE long keys_seen(const drrl_attention_keys *t, const drrl_attention_gradient_tile *q, long b) {
    const long end = q->first + b + block_rows(q, b) - t->first;
    return end < t->count ? end : t->count;
}

// Where row i of the tile stands.
DRRL_INLINE long row_of(const drrl_attention_gradient_tile *q, long i) { return q->order ? q->order[i] : i; }

// The tile's rows of x, and zeros up to whole blocks.
DRRL_INLINE void copy_rows(float *y, long ld, const drrl_attention_gradient_tile *q, const float *x, long ld_x,
                           long columns) {
    if (!q->order) {
        copy_padded(y, ld, blocked(q->rows), x, ld_x, q->rows, columns);
        return;
    }
    for (long i = 0; i < q->rows; i++) copy_padded(y + i * ld, ld, 1, x + q->order[i] * ld_x, ld_x, 1, columns);
    memset(y + q->rows * ld, 0, (size_t)((blocked(q->rows) - q->rows) * ld) * sizeof(float));
}

// Probabilities of a block of rows from row `b` of the tile, after dropout, and the gradients of their scores.
DRRL_INLINE void backward_block(const drrl_attention_keys *t, const drrl_attention_gradient_tile *q,
                                const backward_state *state, long b, const int rows, const int vectors) {
    const long count = block_rows(q, b), columns = keys_seen(t, q, b), before = q->first + b + 1 - t->first;
    float *p = state->p + b * KEYS, *ds = state->ds + (q->before + b) * KEYS;
    long c = 0;
    for (; c < columns; c += PANEL) {
        score_panel(p + c, KEYS, state->queries + b * state->key_width, state->key_width,
                    state->key_panels + c * t->key_rank, q->score_rank, (panel_view){0, PANEL, before - c}, NULL, rows,
                    vectors);
        score_panel(ds + c, KEYS, state->dout + b * state->value_width, state->value_width,
                    state->value_panels + c * t->value_rank, q->value_rank, (panel_view){0, PANEL, PANEL}, NULL, rows,
                    vectors);
    }
    for (long i = 0; i < count; i++) {
        float *pi = p + i * KEYS, *di = ds + i * KEYS;
        const float *kept = state->kept + (b + i) * KEYS;
        const long row = row_of(q, b + i);
        const v16 shift = splat(q->lse[row] * LOG2E), mean = splat(q->delta[row]);
        if (q->dropout)
            for (long j = 0; j < c; j += LANES) {
                v16 probability = exp2_16(load(pi + j) - shift), factor = load(kept + j);
                store(di + j, probability * (load(di + j) * factor - mean));
                store(pi + j, probability * factor);
            }
        else
            for (long j = 0; j < c; j += LANES) {
                v16 probability = exp2_16(load(pi + j) - shift);
                store(di + j, probability * (load(di + j) - mean));
                store(pi + j, probability);
            }
        // What blocks of keys on the diagonal read beyond the panels.
        const long beyond = KEYS - c < BLOCK ? KEYS - c : BLOCK;
        memset(pi + c, 0, (size_t)beyond * sizeof(float));
        memset(di + c, 0, (size_t)beyond * sizeof(float));
    }
}

DRRL_INLINE void drrl_attention_backward_body(float *work, const drrl_attention_keys *t,
                                              const drrl_attention_gradient_tile *q, const int rows,
                                              const int vectors) {
    const backward_state state = layout(work, t);
    const long key_width = padded(q->score_rank), value_width = padded(q->value_rank);
    const float *ds = state.ds + q->before * KEYS;
    copy_rows(state.queries, state.key_width, q, q->queries, q->query_stride, q->score_rank);
    copy_rows(state.dout, state.value_width, q, q->dout, q->dout_stride, q->value_rank);
    if (q->dropout) {
        for (long i = 0; i < q->rows * KEYS; i++) state.kept[i] = 1;
        if (!q->order)
            drrl_dropout(state.kept, KEYS, q->rows, t->count, q->dropout->key, q->dropout->sample, q->first, t->first,
                         q->dropout->rate);
        else
            for (long i = 0; i < q->rows; i++)
                drrl_dropout(state.kept + i * KEYS, KEYS, 1, t->count, q->dropout->key, q->dropout->sample,
                             q->first + q->order[i], t->first, q->dropout->rate);
    }
    for (long b = first_block(t, q); b < q->rows; b += BLOCK) backward_block(t, q, &state, b, rows, vectors);
    for (long c = 0; c < t->count; c += BLOCK) {
        const long i = t->first + c > q->first ? t->first + c - q->first : 0;
        if (i >= q->rows) break;
        accumulate(state.value_sums + c * state.value_width, state.value_width, state.p + i * KEYS + c, 1, KEYS,
                   state.dout + i * state.value_width, state.value_width, q->rows - i, value_width, rows, vectors);
        accumulate(state.key_sums + c * state.key_width, state.key_width, ds + i * KEYS + c, 1, KEYS,
                   state.queries + i * state.key_width, state.key_width, q->rows - i, key_width, rows, vectors);
    }
}

INSTANCES(drrl_attention_backward,
          (float *work, const drrl_attention_keys *keys, const drrl_attention_gradient_tile *tile), work, keys, tile)

DRRL_INLINE void drrl_attention_backward_queries_body(float *dq, long ld, float *work, const drrl_attention_keys *t,
                                                      const drrl_attention_gradient_tile *q, const int rows,
                                                      const int vectors) {
    const backward_state state = layout(work, t);
    const long rank = q->score_rank, width = padded(rank);
    const size_t bytes = (size_t)rank * sizeof(float);
    if (t->first == 0)
        for (long i = 0; i < q->rows; i++) memset(dq + row_of(q, i) * ld, 0, (size_t)q->query_columns * sizeof(float));
    for (long b = first_block(t, q); b < q->rows; b += BLOCK) {
        const long count = block_rows(q, b), columns = keys_seen(t, q, b);
        for (long i = 0; i < count; i++) memcpy(state.query_sums + i * width, dq + row_of(q, b + i) * ld, bytes);
        accumulate(state.query_sums, width, state.ds + (q->before + b) * KEYS, KEYS, 1, state.keys, state.key_width,
                   columns, width, rows, vectors);
        for (long i = 0; i < count; i++) memcpy(dq + row_of(q, b + i) * ld, state.query_sums + i * width, bytes);
    }
}

INSTANCES(drrl_attention_backward_queries,
          (float *dq, long ld, float *work, const drrl_attention_keys *keys, const drrl_attention_gradient_tile *tile),
          dq, ld, work, keys, tile)

void drrl_attention_backward_end(float *dk, long ld_k, float *dv, long ld_v, float *work,
                                 const drrl_attention_keys *t) {
    const backward_state state = layout(work, t);
    for (long i = 0; i < t->count; i++) {
        for (long j = 0; j < t->key_rank; j++) dk[i * ld_k + j] = state.key_sums[i * state.key_width + j] * t->scale;
        for (long j = 0; j < t->value_rank; j++) dv[i * ld_v + j] = state.value_sums[i * state.value_width + j];
    }
}
