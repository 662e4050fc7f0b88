#include <stdlib.h>
#include <string.h>

#include "engine/table.h"
#include "tests/fuzz/fuzz.h"

static const char *const seeds[] = {
    "% a comment\n@RELATION 'r s'\n\n@ATTRIBUTE x NUMERIC\n"
    "@attribute 'y z' real\n@attribute class {a, 'b c',\"d\"}\n\n@DATA\n"
    "1,2.5,a\n% more\n?, -1e3 ,'b c'\n0,0,?\n",
    "@relation r\r\n@attribute \"q\\\"\" integer\r\n@data\r\n7\r\n",
    "@relation r\n@attribute a numeric\n@data\n{0 1}\n",
    "@relation r\n@attribute a string\n@data\n'x'\n",
};

size_t fuzz_seed(size_t i, uint8_t *to)
{
    if (i >= sizeof(seeds) / sizeof(*seeds))
        return 0;
    size_t n = strlen(seeds[i]);
    memcpy(to, seeds[i], n);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loom_bytes b;
    struct loom_table t;
    struct loom_errmsg e;
    loom_bytes_memory(&b, data, n, "fuzz");
    int err = loom_arff_decode(&b, &t, &e);
    if (err && (t.a.data || t.name))
        abort();
    for (size_t i = 0; i < t.a.n; i++) {
        const struct loom_words *w = &t.words[i % t.n_columns];
        double v = loom_array_get(&t.a, i);
        if (w->n && v == v && !(v >= 0 && v < (double)w->n && *w->word))
            abort();
    }
    loom_table_deinit(&t);
    return 0;
}
