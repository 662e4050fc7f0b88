#include "engine/split.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "engine/rng.h"

static const char *const part_word[] = {"train", "val", "test"};

int loom_split_ratio(uint8_t *part, size_t rows,
                     const double ratio[LOOM_N_PARTS], uint64_t seed,
                     struct loom_errmsg *e)
{
    double sum = 0;
    size_t want[LOOM_N_PARTS + 1], left = rows;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        if (!(ratio[p] >= 0 && ratio[p] <= 1))
            return loom_fail(e, LOOM_ERR_RANGE,
                             "split: %s = %g; a share lies between 0 and 1",
                             part_word[p], ratio[p]);
        /* Rounded sums, so that shares which sum to 1 leave no row out. */
        size_t before = (size_t)lround(sum * (double)rows);
        sum += ratio[p];
        want[p] = (size_t)lround(sum * (double)rows) - before;
    }
    if (!(sum > 0 && sum < 1 + 1e-9))
        return loom_fail(e, LOOM_ERR_RANGE,
                         "split: the shares sum to %g; 1 is all rows", sum);
    want[LOOM_NO_PART] = rows - want[0] - want[1] - want[2];
    struct loom_rng rng = loom_rng_init(seed, 0x7061727473); /* "parts" */
    for (size_t i = 0; i < rows; i++, left--) {
        uint64_t at = loom_rng_below(&rng, left);
        int p = 0;
        for (; at >= want[p]; p++)
            at -= want[p];
        want[p]--;
        part[i] = (uint8_t)p;
    }
    return 0;
}

int loom_split_index(uint8_t *part, size_t rows,
                     const struct loom_array *const index[LOOM_N_PARTS],
                     struct loom_errmsg *e)
{
    memset(part, LOOM_NO_PART, rows);
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t k = 0; index[p] && k < index[p]->n; k++) {
            double v = loom_array_get(index[p], k);
            if (!(v >= 0 && v < (double)rows && v == floor(v)))
                return loom_fail(e, LOOM_ERR_RANGE,
                                 "split: %s: element %zu is %g; rows are 0 to "
                                 "%zu",
                                 part_word[p], k, v, rows - 1);
            uint8_t *at = &part[(size_t)v];
            if (*at != LOOM_NO_PART)
                return loom_fail(e, LOOM_ERR_RANGE,
                                 "split: row %g is in %s and in %s", v,
                                 part_word[*at], part_word[p]);
            *at = (uint8_t)p;
        }
    return 0;
}

/* The part that a word names, or -1. */
static int part_of_word(const char *word)
{
    static const struct {
        const char *word;
        int part;
    } known[] = {{"train", LOOM_TRAIN},    {"training", LOOM_TRAIN},
                 {"val", LOOM_VAL},        {"valid", LOOM_VAL},
                 {"validation", LOOM_VAL}, {"test", LOOM_TEST}};
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
        if (!strcasecmp(word, known[k].word))
            return known[k].part;
    return -1;
}

int loom_split_column(uint8_t *part, const struct loom_table *t, size_t column,
                      struct loom_errmsg *e)
{
    const struct loom_words *w = &t->words[column];
    size_t rows = t->a.dim[0];
    for (size_t i = 0; i < rows; i++) {
        double v = loom_array_get(&t->a, i * t->n_columns + column);
        const char *word = w->n && !isnan(v) ? w->word[(size_t)v] : NULL;
        int p = isnan(v) ? LOOM_NO_PART
                : word   ? part_of_word(word)
                         : (v == 0 || v == 1 || v == 2 ? (int)v : -1);
        if (p < 0 && word)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "split: row %zu is for \"%.40s\"; train, val and "
                             "test are known",
                             i, word);
        if (p < 0)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "split: row %zu is for part %g; 0 (train), 1 "
                             "(val) and 2 (test) are known",
                             i, v);
        part[i] = (uint8_t)p;
    }
    return 0;
}
