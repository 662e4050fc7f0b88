#include "fpga_flow/cmvm_sums.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* ---- digits ------------------------------------------------------------- */

/* Bits of x that are set. Written out: without a flag for newer processors the
 * compiler's own is a call, and half of the search's time. */
static inline int ones(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) +
        (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (int)(x * UINT64_C(0x0101010101010101) >> 56);
}

/* Digits of c in canonical signed form. */
static inline int weigh(int64_t c)
{
    uint64_t u = c < 0 ? -(uint64_t)c : (uint64_t)c;
    return ones(u ^ 3 * u);
}

int loom_cmvm_sums_digits(int64_t c)
{
    return weigh(c);
}

static inline int length(int64_t c)
{
    uint64_t u = c < 0 ? -(uint64_t)c : (uint64_t)c;
    return u ? 64 - __builtin_clzll(u) : 0;
}

static void digits_of(struct loom_cmvm_term *t)
{
    int n = length(t->c);
    t->digits = weigh(t->c);
    t->plus = t->minus = 0;
    for (int k = 0; k <= n; k++) {
        if (weigh(t->c - (INT64_C(1) << k)) < t->digits)
            t->plus |= UINT64_C(1) << k;
        if (weigh(t->c + (INT64_C(1) << k)) < t->digits)
            t->minus |= UINT64_C(1) << k;
    }
}

/* ---- pairs -------------------------------------------------------------- */

/* A pair a + sign * (b << shift), a <= b; shift may be negative. */
struct pair {
    int a, b, shift, sign;
};

static uint64_t pack(int a, int b, int shift, int negative)
{
    return (uint64_t)a << 36 | (uint64_t)b << 8 | (uint64_t)(shift + 64) << 1 |
           (uint64_t)negative;
}

static struct pair unpack(uint64_t key)
{
    return (struct pair){(int)(key >> 36), (int)(key >> 8 & 0xfffffff),
                         (int)(key >> 1 & 127) - 64, key & 1 ? -1 : 1};
}

static void count(struct loom_cmvm_sums *s, int a, int b, int shift,
                  int negative, int by)
{
    if (negative && s->plus_only)
        return;
    loom_cmvm_pairs_add(&s->pairs, pack(a, b, shift, negative), by);
}

/* Count the pairs between two terms of a sum, up (by 1) or down (by -1). */
static void count_between(struct loom_cmvm_sums *s,
                          const struct loom_cmvm_term *x,
                          const struct loom_cmvm_term *y, int by)
{
    if (x->node > y->node) {
        const struct loom_cmvm_term *t = x;
        x = y;
        y = t;
    }
    int most = x->digits < y->digits ? x->digits : y->digits;
    int low = __builtin_ctzll(y->plus | y->minus) -
              (63 - __builtin_clzll(x->plus | x->minus));
    int high = 63 - __builtin_clzll(y->plus | y->minus) -
               __builtin_ctzll(x->plus | x->minus);
    for (int d = low; d <= high; d++) {
        uint64_t p = d < 0 ? x->plus >> -d : x->plus << d;
        uint64_t m = d < 0 ? x->minus >> -d : x->minus << d;
        uint64_t pp = p & y->plus, mm = m & y->minus;
        uint64_t pm = p & y->minus, mp = m & y->plus;
        if (pp | mm) {
            int n = ones(pp) + ones(mm);
            count(s, x->node, y->node, d, 0, by * (n < most ? n : most));
        }
        if (pm | mp) {
            int n = ones(pm) + ones(mp);
            count(s, x->node, y->node, d, 1, by * (n < most ? n : most));
        }
    }
}

/* Count the pairs within one term: c = 2^k (1 +- 2^d) + ... */
static void count_within(struct loom_cmvm_sums *s,
                         const struct loom_cmvm_term *x, int by)
{
    if (x->digits < 2)
        return;
    int n = length(x->c);
    for (int d = 1; d <= n; d++)
        for (int negative = 0; negative < 2; negative++) {
            int64_t m = (INT64_C(1) << d) + (negative ? -1 : 1);
            int found = 0;
            if (negative && d <= 2) /* 1, and 3 = 2 + 1 */
                continue;
            for (int k = 0; k + d <= n; k++) {
                int64_t v = m * (INT64_C(1) << k);
                found += weigh(x->c - v) == x->digits - 2;
                found += weigh(x->c + v) == x->digits - 2;
            }
            if (found > x->digits / 2)
                found = x->digits / 2;
            if (found)
                count(s, x->node, x->node, d, negative, by * found);
        }
}

/* ---- sums --------------------------------------------------------------- */

static int find(const struct loom_cmvm_sum *x, int of)
{
    for (int i = 0; i < x->n; i++)
        if (x->term[i].node == of)
            return i;
    return -1;
}

int64_t loom_cmvm_sums_get(const struct loom_cmvm_sums *s, int node, int of)
{
    int i = find(&s->sum[node], of);
    return i < 0 ? 0 : s->sum[node].term[i].c;
}

static int operands_less_one(const struct loom_cmvm_sum *x)
{
    return x->digits > 1 ? x->digits - 1 : 0;
}

static void count_term(struct loom_cmvm_sums *s, const struct loom_cmvm_sum *x,
                       int i, int by)
{
    for (int k = 0; k < x->n; k++)
        if (k != i)
            count_between(s, &x->term[i], &x->term[k], by);
    count_within(s, &x->term[i], by);
}

static void add_user(struct loom_cmvm_sum *x, int node)
{
    if (x->n_users == x->users_cap) {
        x->users_cap = x->users_cap ? 2 * x->users_cap : 4;
        x->user =
            loom_realloc(x->user, (size_t)x->users_cap * sizeof(*x->user));
    }
    x->user[x->n_users++] = node;
}

static void drop_user(struct loom_cmvm_sum *x, int node)
{
    int i = 0;
    while (x->user[i] != node)
        i++;
    x->user[i] = x->user[--x->n_users];
}

/* Parts are the nodes after the outputs that have terms. */
static void note_part(struct loom_cmvm_sums *s, int node)
{
    struct loom_cmvm_sum *x = &s->sum[node];
    if (node < s->n_in + s->n_out || (x->n > 0) == (x->at >= 0))
        return;
    if (x->n > 0) {
        x->at = s->n_parts;
        s->part[s->n_parts++] = node;
    } else {
        int last = s->part[--s->n_parts];
        s->part[x->at] = last;
        s->sum[last].at = x->at;
        x->at = -1;
    }
}

static void set(struct loom_cmvm_sums *s, int node, int of, int64_t c)
{
    struct loom_cmvm_sum *x = &s->sum[node], *y = &s->sum[of];
    int i = find(x, of);
    if (!x->stale)
        s->stale[s->n_stale++] = node;
    x->stale = true;
    s->adders -= operands_less_one(x);
    if (i >= 0) {
        count_term(s, x, i, -1);
        x->digits -= x->term[i].digits;
        y->use_digits -= x->term[i].digits;
    } else {
        if (x->n == x->cap) {
            x->cap = x->cap ? 2 * x->cap : 4;
            x->term = loom_realloc(x->term, (size_t)x->cap * sizeof(*x->term));
        }
        i = x->n++;
        x->term[i].node = of;
        add_user(y, node);
    }
    if (c) {
        x->term[i].c = c;
        digits_of(&x->term[i]);
        count_term(s, x, i, 1);
        x->digits += x->term[i].digits;
        y->use_digits += x->term[i].digits;
    } else {
        x->term[i] = x->term[--x->n];
        drop_user(y, node);
    }
    s->adders += operands_less_one(x);
    note_part(s, node);
}

/* Change a coefficient and note what it was. */
static void change(struct loom_cmvm_sums *s, int node, int of, int64_t c)
{
    int64_t was = loom_cmvm_sums_get(s, node, of);
    if (was == c)
        return;
    if (s->n_log == s->log_cap) {
        s->log_cap = s->log_cap ? 2 * s->log_cap : 256;
        s->log = loom_realloc(s->log, s->log_cap * sizeof(*s->log));
    }
    s->log[s->n_log].node = node;
    s->log[s->n_log].of = of;
    s->log[s->n_log++].c = was;
    set(s, node, of, c);
}

/* ---- nodes -------------------------------------------------------------- */

static int append(struct loom_cmvm_sums *s)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->sum = loom_realloc(s->sum, (size_t)s->cap * sizeof(*s->sum));
        s->part = loom_realloc(s->part, (size_t)s->cap * sizeof(*s->part));
        s->stale = loom_realloc(s->stale, (size_t)s->cap * sizeof(*s->stale));
    }
    s->sum[s->n] = (struct loom_cmvm_sum){.at = -1};
    return s->n++;
}

static int new_node(struct loom_cmvm_sums *s)
{
    while (s->n_spare) {
        int v = s->spare[--s->n_spare];
        if (!s->sum[v].n && !s->sum[v].n_users)
            return v;
    }
    return append(s);
}

static void spare(struct loom_cmvm_sums *s, int node)
{
    if (node < s->n_in + s->n_out || s->sum[node].n || s->sum[node].n_users)
        return;
    if (s->n_spare == s->spare_cap) {
        s->spare_cap = s->spare_cap ? 2 * s->spare_cap : 64;
        s->spare = loom_realloc(s->spare, s->spare_cap * sizeof(*s->spare));
    }
    s->spare[s->n_spare++] = node;
}

/* A number that became free stays so until here: what is known of a node
 * outlives a step that is taken back. */
void loom_cmvm_sums_commit(struct loom_cmvm_sums *s)
{
    for (size_t i = 0; i < s->n_log; i++)
        spare(s, s->log[i].node);
    s->n_log = 0;
}

void loom_cmvm_sums_rollback(struct loom_cmvm_sums *s)
{
    for (size_t i = s->n_log; i-- > 0;)
        set(s, s->log[i].node, s->log[i].of, s->log[i].c);
    loom_cmvm_sums_commit(s);
}

void loom_cmvm_sums_init(struct loom_cmvm_sums *s, int n_in, int n_out,
                         const int64_t *w, const int64_t *lo, const int64_t *hi,
                         const int *depth, int max_depth, bool plus_only)
{
    *s = (struct loom_cmvm_sums){.n_in = n_in,
                                 .n_out = n_out,
                                 .max_depth = max_depth,
                                 .plus_only = plus_only};
    loom_cmvm_pairs_init(&s->pairs);
    for (int i = 0; i < n_in + n_out; i++)
        append(s);
    for (int i = 0; i < n_in; i++) {
        s->sum[i].lo = lo[i];
        s->sum[i].hi = hi[i];
        s->sum[i].depth = depth ? depth[i] : 0;
    }
    for (int j = 0; j < n_out; j++)
        for (int i = 0; i < n_in; i++)
            if (w[(size_t)i * (size_t)n_out + (size_t)j])
                set(s, n_in + j, i, w[(size_t)i * (size_t)n_out + (size_t)j]);
}

void loom_cmvm_sums_deinit(struct loom_cmvm_sums *s)
{
    for (int i = 0; i < s->n; i++) {
        free(s->sum[i].term);
        free(s->sum[i].user);
    }
    free(s->sum);
    free(s->part);
    free(s->stale);
    free(s->log);
    free(s->spare);
    loom_cmvm_pairs_deinit(&s->pairs);
}

int loom_cmvm_sums_changed(struct loom_cmvm_sums *s)
{
    if (!s->n_stale)
        return -1;
    int node = s->stale[--s->n_stale];
    s->sum[node].stale = false;
    return node;
}

/* ---- steps -------------------------------------------------------------- */

void loom_cmvm_sums_inline(struct loom_cmvm_sums *s, int part)
{
    while (s->sum[part].n_users) {
        int user = s->sum[part].user[0];
        int64_t c = loom_cmvm_sums_get(s, user, part);
        change(s, user, part, 0);
        for (int i = 0; i < s->sum[part].n; i++) {
            struct loom_cmvm_term t = s->sum[part].term[i];
            change(s, user, t.node,
                   loom_cmvm_sums_get(s, user, t.node) + c * t.c);
        }
    }
    while (s->sum[part].n)
        change(s, part, s->sum[part].term[0].node, 0);
}

/* A part that is one term, or that one term alone reads, is none. */
static void tidy(struct loom_cmvm_sums *s, int node)
{
    if (node < s->n_in + s->n_out || !s->sum[node].n)
        return;
    if (s->sum[node].digits > 1 && s->sum[node].use_digits > 1)
        return;
    int n = s->sum[node].n, *below = loom_malloc((size_t)n * sizeof(*below));
    for (int i = 0; i < n; i++)
        below[i] = s->sum[node].term[i].node;
    loom_cmvm_sums_inline(s, node);
    for (int i = 0; i < n; i++)
        tidy(s, below[i]);
    free(below);
}

/* What the pair leaves of a sum: coefficients of a and b, and of the part. */
struct rest {
    int64_t a, b, part;
    int found;
};

/* Take the pair out of the coefficients ca and cb as often as it pays. */
static struct rest take(const struct pair *p, int64_t ca, int64_t cb)
{
    struct rest r = {ca, cb, 0, 0};
    int down = p->shift < 0 ? -p->shift : 0, n = length(ca);
    bool self = p->a == p->b;
    int64_t m = 1 + p->sign * (INT64_C(1) << (p->shift > 0 ? p->shift : 0));
    for (int k = down; k <= n; k++)
        for (int sign = 1; sign >= -1; sign -= 2) {
            int64_t one = sign * (INT64_C(1) << k);
            int64_t a = self ? r.a - one * m : r.a - one;
            int64_t b =
                self ? 0
                     : r.b - p->sign * sign * (INT64_C(1) << (k + p->shift));
            if (weigh(a) + weigh(b) != weigh(r.a) + weigh(r.b) - 2)
                continue;
            r.a = a;
            r.b = b;
            r.part += sign * (INT64_C(1) << (k - down));
            r.found++;
        }
    return r;
}

/* Sum over the operands of 2^depth: the least depth of the whole sum is the
 * logarithm of it. */
static double spread(const struct loom_cmvm_sums *s,
                     const struct loom_cmvm_sum *x)
{
    double sum = 0;
    for (int i = 0; i < x->n; i++)
        sum += x->term[i].digits *
               (double)(UINT64_C(1) << s->sum[x->term[i].node].depth);
    return sum;
}

/* Whether `node` stays as early as it has to be with r of the pair taken. */
static bool in_time(const struct loom_cmvm_sums *s, int node,
                    const struct pair *p, const struct rest *r, int depth)
{
    if (!s->max_depth)
        return true;
    const struct loom_cmvm_sum *x = &s->sum[node];
    int bound = node < s->n_in + s->n_out ? s->max_depth : x->depth;
    double da = (double)(UINT64_C(1) << s->sum[p->a].depth);
    double db = (double)(UINT64_C(1) << s->sum[p->b].depth);
    double grown = r->found * ((double)(UINT64_C(1) << depth) - da - db);
    return spread(s, x) + grown <= (double)(UINT64_C(1) << bound);
}

static void interval(struct loom_cmvm_sums *s, const struct pair *p, int v)
{
    const struct loom_cmvm_sum *a = &s->sum[p->a], *b = &s->sum[p->b];
    int64_t ka = INT64_C(1) << (p->shift < 0 ? -p->shift : 0);
    int64_t kb = INT64_C(1) << (p->shift > 0 ? p->shift : 0);
    s->sum[v].lo = a->lo * ka + (p->sign > 0 ? b->lo : -b->hi) * kb;
    s->sum[v].hi = a->hi * ka + (p->sign > 0 ? b->hi : -b->lo) * kb;
}

static struct rest try_in(const struct loom_cmvm_sums *s, int node,
                          const struct pair *p, int depth)
{
    struct rest none = {0};
    int i = find(&s->sum[node], p->a), k = find(&s->sum[node], p->b);
    if (i < 0 || k < 0)
        return none;
    const struct loom_cmvm_term *t = s->sum[node].term;
    struct rest r = take(p, t[i].c, p->a == p->b ? 0 : t[k].c);
    return r.found && in_time(s, node, p, &r, depth) ? r : none;
}

bool loom_cmvm_sums_extract(struct loom_cmvm_sums *s, uint32_t slot)
{
    int found = 0;
    int score = s->pairs.slot[slot].score;
    struct pair p = unpack(s->pairs.slot[slot].key);
    int few = s->sum[p.a].n_users < s->sum[p.b].n_users ? p.a : p.b;
    int n = s->sum[few].n_users;
    int depth = s->sum[p.a].depth > s->sum[p.b].depth ? s->sum[p.a].depth
                                                      : s->sum[p.b].depth;
    depth++;
    for (int i = 0; i < n; i++)
        found += try_in(s, s->sum[few].user[i], &p, depth).found;
    if (found < 2 || found < score) {
        loom_cmvm_pairs_demote(&s->pairs, slot, found);
        return false;
    }
    int *user = loom_malloc((size_t)n * sizeof(*user));
    memcpy(user, s->sum[few].user, (size_t)n * sizeof(*user));
    int v = new_node(s);
    s->sum[v].depth = depth;
    interval(s, &p, v);
    for (int i = 0; i < n; i++) {
        struct rest r = try_in(s, user[i], &p, depth);
        if (!r.found)
            continue;
        change(s, user[i], p.a, r.a);
        if (p.a != p.b)
            change(s, user[i], p.b, r.b);
        change(s, user[i], v, r.part);
    }
    int64_t ka = INT64_C(1) << (p.shift < 0 ? -p.shift : 0);
    int64_t kb = p.sign * (INT64_C(1) << (p.shift > 0 ? p.shift : 0));
    change(s, v, p.a, p.a == p.b ? ka + kb : ka);
    if (p.a != p.b)
        change(s, v, p.b, kb);
    for (int i = 0; i < n; i++)
        tidy(s, user[i]);
    tidy(s, p.a);
    tidy(s, p.b);
    tidy(s, v);
    free(user);
    return true;
}
