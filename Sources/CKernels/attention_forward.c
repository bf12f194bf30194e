#include "micro.h"

#include <float.h>

// Keys of a tile: its scores with a block of rows stay in the first-level cache.
enum { KEYS = 256, ROWS = DRRL_ATTENTION_ROWS };

long drrl_attention_packed_rows(long length) { return (length + PANEL - 1) / PANEL * PANEL; }

long drrl_attention_packed_width(long width) { return padded(width); }

void drrl_attention_pack(float *keys, float *values, const float *k, long ld_k, const float *v, long ld_v, long rows,
                         long key_rank, long value_rank, float scale) {
    pack_panels(keys, k, ld_k, rows, key_rank, scale * LOG2E);
    copy_padded(values, padded(value_rank), rows, v, ld_v, rows, value_rank);
}

long drrl_attention_forward_work(long width) {
    return BLOCK * KEYS + 2 * (ROWS * padded(width) + 2 * ROWS + ROWS * width);
}

// What a tile of queries has come to.
typedef struct {
    float *out;    // [ROWS, width], not yet divided by sum
    float *scores; // [BLOCK, KEYS]
    float *top, *sum;
    float *queries; // [ROWS, r]
    long width;
    const int32_t *order; // of the rows in the tile, or NULL for one after the other
} forward_state;

static forward_state layout(float **work, float *scores, long width, long rank) {
    forward_state state = {.out = *work, .scores = scores, .width = width};
    state.top = state.out + ROWS * width;
    state.sum = state.top + ROWS;
    state.queries = state.sum + ROWS;
    *work = state.queries + ROWS * rank;
    return state;
}

// Nothing seen yet by so many rows.
static void clear(const forward_state *state, long rows) {
    memset(state->out, 0, (size_t)(blocked(rows) * state->width) * sizeof(float));
    for (long i = 0; i < blocked(rows); i++) {
        state->top[i] = -FLT_MAX;
        state->sum[i] = 0;
    }
}

// A row's scores to probabilities relative to its largest so far, to which `out` is rescaled. Masked scores are -inf.
DRRL_INLINE void soften(float *scores, long columns, float *top, float *sum, const v16 *largest, float *out,
                        long width) {
    float above = largest_lane(*largest);
    if (above > *top) {
        float correction = exp2f(*top - above);
        *sum *= correction;
        for (long j = 0; j < width; j += LANES) store(out + j, load(out + j) * correction);
        *top = above;
    }
    v16 shift = splat(*top), even = splat(0), odd = splat(0);
    for (long c = 0; c < columns; c += PANEL) {
        v16 p = exp2_16(load(scores + c) - shift), p2 = exp2_16(load(scores + c + LANES) - shift);
        even += p;
        odd += p2;
        store(scores + c, p);
        store(scores + c + LANES, p2);
    }
    *sum += sum_lanes(even + odd);
}

// Keys first ..< end at a level: at the first columns of scores and of values.
typedef struct {
    long first, end, score_rank, value_rank;
} key_range;

// A block of rows, from row `b` of the tile, against at most KEYS keys of a range, from k0 on.
DRRL_INLINE void forward_block(const drrl_attention_tile *t, const forward_state *state, const key_range *keys, long b,
                               long k0, const int rows, const int vectors) {
    const long count = t->rows - b < BLOCK ? t->rows - b : BLOCK, row = t->first + b;
    const long end = (keys->end < row + count ? keys->end : row + count) - k0, columns = end < KEYS ? end : KEYS;
    float *out = state->out + b * state->width;
    v16 largest[BLOCK];
    for (long i = 0; i < BLOCK; i++) largest[i] = splat(state->top[b + i]);
    for (long c = 0; c < columns; c += PANEL)
        score_panel(state->scores + c, KEYS, state->queries + b * t->score_rank, t->score_rank,
                    t->keys + (k0 + c) * t->key_rank, keys->score_rank,
                    (panel_view){keys->first - k0 - c, keys->end - k0 - c, row + 1 - k0 - c}, largest, rows, vectors);
    for (long i = 0; i < count; i++)
        soften(state->scores + i * KEYS, columns, state->top + b + i, state->sum + b + i, largest + i,
               out + i * state->width, state->width);
    if (t->dropout && !state->order)
        drrl_dropout(state->scores, KEYS, count, columns, t->dropout->key, t->dropout->sample, row, k0,
                     t->dropout->rate);
    if (t->dropout && state->order)
        for (long i = 0; i < count; i++)
            drrl_dropout(state->scores + i * KEYS, KEYS, 1, columns, t->dropout->key, t->dropout->sample,
                         t->first + state->order[b + i], k0, t->dropout->rate);
    accumulate(out, state->width, state->scores, KEYS, 1, t->values + k0 * t->value_stride, t->value_stride, columns,
               padded(keys->value_rank), rows, vectors);
}

// All rows of the tile against a range of keys.
DRRL_INLINE void forward_range(const drrl_attention_tile *t, const forward_state *state, key_range keys, const int rows,
                               const int vectors) {
    if (keys.first >= keys.end) return;
    for (long k0 = keys.first / PANEL * PANEL; k0 < keys.end; k0 += KEYS) {
        const long seen = k0 > keys.first ? k0 : keys.first;
        for (long b = seen > t->first ? (seen - t->first) / BLOCK * BLOCK : 0; b < t->rows; b += BLOCK)
            forward_block(t, state, &keys, b, k0, rows, vectors);
    }
}

// All rows of the tile, of one group, against the far keys.
DRRL_INLINE void forward_far(const drrl_attention_tile *t, const forward_state *state, const drrl_attention_group *group,
                             const int rows, const int vectors) {
    const long width = state->width;
    forward_range(t, state, (key_range){t->far.first, t->far.end, group->score_rank, group->value_rank}, rows, vectors);
    // Whole vectors of values were added: what is beyond the group's columns goes.
    for (long i = 0; i < t->rows; i++)
        for (long j = group->value_rank; j < padded(group->value_rank) && j < width; j++) state->out[i * width + j] = 0;
}

// The rows of each group next to one another, so that blocks have one level: all far keys come before any of the rows, whose
// order is then free.
DRRL_INLINE void forward_groups(const drrl_attention_tile *t, const forward_state *state, float *work, const int rows,
                                const int vectors) {
    const long width = state->width, rank = t->score_rank;
    forward_state own = layout(&work, state->scores, width, rank);
    own.order = t->far.order;
    for (long g = 0; g < t->far.group_count; own.order += t->far.groups[g++].count) {
        const drrl_attention_group *group = &t->far.groups[g];
        drrl_attention_tile tile = *t;
        tile.rows = group->count;
        clear(&own, group->count);
        for (long i = 0; i < group->count; i++)
            memcpy(own.queries + i * rank, state->queries + own.order[i] * rank, (size_t)rank * sizeof(float));
        memset(own.queries + group->count * rank, 0,
               (size_t)((blocked(group->count) - group->count) * rank) * sizeof(float));
        forward_far(&tile, &own, group, rows, vectors);
        for (long i = 0; i < group->count; i++) {
            const long row = own.order[i];
            memcpy(state->out + row * width, own.out + i * width, (size_t)width * sizeof(float));
            state->top[row] = own.top[i];
            state->sum[row] = own.sum[i];
        }
    }
}

DRRL_INLINE void drrl_attention_forward_body(const drrl_attention_tile *t, float *work, const int rows,
                                             const int vectors) {
    const long width = padded(t->value_rank), end = t->first + t->rows;
    float *scores = work;
    work += BLOCK * KEYS;
    const forward_state state = layout(&work, scores, width, t->score_rank);
    copy_padded(state.queries, t->score_rank, blocked(t->rows), t->queries, t->query_stride, t->rows, t->score_rank);
    clear(&state, t->rows);
    const drrl_attention_far *far = &t->far;
    if (far->first < far->end && far->group_count == 1)
        forward_far(t, &state, far->groups, rows, vectors);
    else if (far->first < far->end)
        forward_groups(t, &state, work, rows, vectors);
    forward_range(t, &state, (key_range){0, far->first, t->score_rank, t->value_rank}, rows, vectors);
    forward_range(t, &state, (key_range){far->end, end, t->score_rank, t->value_rank}, rows, vectors);
    for (long i = 0; i < t->rows; i++) {
        float inverse = 1.0f / state.sum[i];
        for (long j = 0; j < t->value_rank; j++) t->out[i * t->out_stride + j] = state.out[i * width + j] * inverse;
        t->lse[i] = (state.top[i] + log2f(state.sum[i])) * LN2;
    }
}

INSTANCES(drrl_attention_forward, (const drrl_attention_tile *tile, float *work), tile, work)
