#include <stdlib.h>
#include <string.h>

#include "engine/table.h"
#include "tests/fuzz/fuzz.h"

static const char *const seeds[] = {
    "a,b,class\n1,2.5,x\n3,-4e2,y\n",
    "\"a \"\"b\"\"\";c\r\n1;\"2\"\r\n;NA\r\n",
    "1\t2\t3\r4\t5\t6\r",
    "\xef\xbb\xbfx,\"two\nlines\"\nnan,\"?\"\n\n inf , w \n",
};

size_t fuzz_seed(size_t i, uint8_t *to)
{
    if (i >= sizeof(seeds) / sizeof(*seeds))
        return 0;
    size_t n = strlen(seeds[i]);
    memcpy(to, seeds[i], n);
    return n;
}

/* Every number is a number, or that of a word. */
static void use(struct loom_table *t)
{
    for (size_t i = 0; i < t->a.n; i++) {
        const struct loom_words *w = &t->words[i % t->n_columns];
        double v = loom_array_get(&t->a, i);
        if (w->n && v == v && !(v >= 0 && v < (double)w->n && *w->word))
            abort();
    }
    for (size_t k = 0; k < t->n_columns; k++)
        if (loom_table_column(t, t->name[k]) < 0)
            abort();
    loom_table_deinit(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct loom_csv_conf conf[] = {{-1, 0}, {1, ','}, {0, ' '}};
    for (size_t k = 0; k < sizeof(conf) / sizeof(*conf); k++) {
        struct loom_bytes b;
        struct loom_table t;
        struct loom_errmsg e;
        loom_bytes_memory(&b, data, n, "fuzz");
        if (loom_csv_decode(&b, &conf[k], &t, &e) == 0)
            use(&t);
        else if (t.a.data || t.name)
            abort();
    }
    return 0;
}
