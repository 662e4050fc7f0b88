#include "tests/unit/unit.h"

#include <math.h>

int unit_between(struct loom_rng *r, int lo, int hi)
{
    return lo + (int)loom_rng_below(r, (uint64_t)(hi - lo + 1));
}

long unit_count(const char *variable, long standard)
{
    const char *s = getenv(variable);
    return s && *s ? strtol(s, NULL, 10) : standard;
}

json_t *unit_json(const char *text)
{
    char *copy = loom_strdup(text);
    json_error_t je;
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *j = json_loads(copy, JSON_DECODE_ANY, &je);
    free(copy);
    if (!j)
        fail_msg("%s: %s", text, je.text);
    return j;
}

struct loom_model *unit_try_chain(const char *text, struct loom_errmsg *e)
{
    json_t *j = unit_json(text), *l;
    struct loom_model *m = loom_model_new();
    int at = -1, err = 0;
    size_t k;
    json_array_foreach(j, k, l)
    {
        int in[LOOM_MAX_INPUTS] = {at}, n = k ? 1 : 0;
        for (size_t i = 3; i < json_array_size(l); i++, n = (int)i - 3)
            in[i - 3] =
                loom_model_find(m, json_string_value(json_array_get(l, i)));
        at = loom_model_add(m, json_string_value(json_array_get(l, 0)),
                            json_string_value(json_array_get(l, 1)), in, n,
                            json_array_get(l, 2), e);
        err = at;
        if (err < 0)
            break;
    }
    json_decref(j);
    if (err < 0 || loom_model_finish(m, at, 1, e) < 0) {
        loom_model_destroy(m);
        return NULL;
    }
    return m;
}

struct loom_model *unit_chain(const char *text)
{
    struct loom_errmsg e = {""};
    struct loom_model *m = unit_try_chain(text, &e);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

/* The class is the largest of a few fixed sums; targets are those sums. */
struct loom_dataset *unit_data(size_t n_in, size_t n_out, int classes,
                               size_t rows, uint64_t seed)
{
    struct loom_dataset *d = loom_dataset_new("unit", n_in, n_out);
    struct loom_rng r = loom_rng_init(seed, 7);
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        size_t n = p == LOOM_TRAIN ? rows : rows / 4;
        assert_ok(loom_dataset_alloc(d, (enum loom_part)p, n, classes, e));
        struct loom_rows *part = &d->part[p];
        for (size_t row = 0; row < n; row++) {
            float *x = part->x + row * n_in, best = -INFINITY;
            for (size_t j = 0; j < n_in; j++)
                x[j] = (float)loom_rng_normal(&r);
            for (size_t c = 0; c < n_out; c++) {
                float sum = 0;
                for (size_t j = 0; j < n_in; j++)
                    sum += x[j] * sinf((float)(1 + 3 * j + 7 * c));
                if (!classes)
                    part->t[row * n_out + c] = sum;
                else if (sum > best)
                    part->y[row] = (int)c;
                best = sum > best ? sum : best;
            }
        }
    }
    return d;
}
