/* csv and ARFF: what is read, and what is refused in which words. */
#include "engine/table.h"

#include <math.h>
#include <zlib.h>

#include "engine/file.h"
#include "tests/data/support.h"

enum { MOST = 16 };
#define X NAN

struct entry {
    const char *text;
    struct loom_csv_conf conf;
    int err;
    const char *sentence; /* part of it */
    size_t rows, columns;
    float value[MOST];
    const char *names; /* separated by | */
    const char *words; /* of the last column, likewise */
};

static const struct entry csv[] = {
    {"a,b\n1,2\n3,4\n", {-1, 0}, 0, NULL, 2, 2, {1, 2, 3, 4}, "a|b", ""},
    {"1,2\n3,4", {-1, 0}, 0, NULL, 2, 2, {1, 2, 3, 4}, "1|2", ""},
    {"a,b\n1,2\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "holds \"1\", and words before",
     0,
     0,
     {0},
     "",
     ""},
    {"1,2\n3,4\n", {1, 0}, 0, NULL, 1, 2, {3, 4}, "1|2", ""},
    /* Class names are numbered by alphabet, whatever comes first. */
    {"x,kind\n1,w\n2,g\n3,w\n",
     {-1, 0},
     0,
     NULL,
     3,
     2,
     {1, 1, 2, 0, 3, 1},
     "x|kind",
     "g|w"},
    {"\"a,b\";\"say \"\"x\"\"\"\r\n1;\"two\r\nlines\"\r\n",
     {-1, 0},
     0,
     NULL,
     1,
     2,
     {1, 0},
     "a,b|say \"x\"",
     "two\nlines"},
    {"a\tb\r1\t2\r\r3\t4\r", {-1, 0}, 0, NULL, 2, 2, {1, 2, 3, 4}, "a|b", ""},
    {"a b\n1 2\n", {-1, ' '}, 0, NULL, 1, 2, {1, 2}, "a|b", ""},
    {"\xef\xbb\xbf"
     "a,b\n 1 , -2.5e1 \n",
     {-1, 0},
     0,
     NULL,
     1,
     2,
     {1, -25},
     "a|b",
     ""},
    {"a,b,c\n,NA,?\nnan,1,N/A\nnull,None,\"NA\"\n",
     {1, 0},
     0,
     NULL,
     3,
     3,
     {X, X, X, X, 1, X, X, X, 0},
     "a|b|c",
     "NA"},
    {"a\n1\n\n2\n", {-1, 0}, 0, NULL, 2, 1, {1, 2}, "a", ""},
    {"a,\n1,2\n", {-1, 0}, 0, NULL, 1, 2, {1, 2}, "a|2", ""},
    {"x\xff,y\n1,2\n", {-1, 0}, 0, NULL, 1, 2, {1, 2}, "x?|y", ""},
    {"a,b\n", {1, 0}, 0, NULL, 0, 2, {0}, "a|b", ""},
    {"", {-1, 0}, LOOM_ERR_FORMAT, "there are no rows", 0, 0, {0}, "", ""},
    {"\n\n", {-1, 0}, LOOM_ERR_FORMAT, "there are no rows", 0, 0, {0}, "", ""},
    {"a,b\n1,2\n3\n",
     {-1, 0},
     LOOM_ERR_FORMAT,
     "line 3: fewer fields",
     0,
     0,
     {0},
     "",
     ""},
    {"a,b\n1,2,3\n",
     {-1, 0},
     LOOM_ERR_FORMAT,
     "line 2: more fields",
     0,
     0,
     {0},
     "",
     ""},
    {"a\n1\nx\n",
     {-1, 0},
     LOOM_ERR_FORMAT,
     "line 3: column 1 (a) holds \"x\"",
     0,
     0,
     {0},
     "",
     ""},
    {"a,b\n1,\"x\n2,3\n",
     {-1, 0},
     LOOM_ERR_FORMAT,
     "line 2 are never closed",
     0,
     0,
     {0},
     "",
     ""},
    {"a,b\n1,\"x\"y\n",
     {-1, 0},
     LOOM_ERR_FORMAT,
     "closing quotes",
     0,
     0,
     {0},
     "",
     ""},
};

static const struct entry arff[] = {
    {"% c\n@RELATION r\n@ATTRIBUTE x NUMERIC\n@attribute 'y z' real\n"
     "@attribute class {w, 'g h',\"q\"}\n@DATA\n1,2,w\n% c\n\n?,-1e1,'g h'\n",
     {0, 0},
     0,
     NULL,
     2,
     3,
     {1, 2, 0, X, -10, 1},
     "x|y z|class",
     "w|g h|q"},
    {"@relation r\r\n@attribute x integer\r\n@data\r\n7\r\n",
     {0, 0},
     0,
     NULL,
     1,
     1,
     {7},
     "x",
     ""},
    {"@relation r\n@attribute c {a\\'b,'a\\'c'}\n@data\n'a\\'c'\n",
     {0, 0},
     0,
     NULL,
     1,
     1,
     {1},
     "c",
     "a\\'b|a'c"},
    {"a,b\n1,2\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "line 1: not an ARFF file",
     0,
     0,
     {0},
     "",
     ""},
    {"", {0, 0}, LOOM_ERR_FORMAT, "no @data", 0, 0, {0}, "", ""},
    {"@relation r\n@data\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "no @attribute",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x numeric\n@data\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "there are no rows",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x numeric\n@data\n{0 1}\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "line 4: a sparse row",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x string\n@data\na\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "attribute 1 (x) is of type \"string\"",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x date\n@data\na\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "\"date\"",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x numeric\n@data\n1,2\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "line 4: more fields",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x numeric\n@attribute y numeric\n@data\n1\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "line 5: fewer fields",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x numeric\n@data\none\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "\"one\" is no number",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x {a,b}\n@data\nc\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "\"c\" is not among its 2 words",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x {a,a}\n@data\na\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "twice",
     0,
     0,
     {0},
     "",
     ""},
    {"@relation r\n@attribute x {a\n@data\na\n",
     {0, 0},
     LOOM_ERR_FORMAT,
     "end with a }",
     0,
     0,
     {0},
     "",
     ""},
};

static void check_table(const struct entry *t, const struct loom_table *got)
{
    char names[256] = "", words[256] = "";
    assert_int_equal(got->a.n_dims, 2);
    assert_int_equal(got->a.dim[0], t->rows);
    assert_int_equal(got->a.dim[1], t->columns);
    for (size_t i = 0; i < got->a.n; i++) {
        float v = ((const float *)got->a.data)[i];
        if (v != t->value[i] && !(isnan(v) && isnan(t->value[i])))
            fail_msg("%s: number %zu is %g", t->text, i, (double)v);
    }
    for (size_t k = 0; k < got->n_columns; k++)
        sprintf(names + strlen(names), "%s%s", k ? "|" : "", got->name[k]);
    const struct loom_words *w = &got->words[got->n_columns - 1];
    for (size_t k = 0; k < w->n; k++)
        sprintf(words + strlen(words), "%s%s", k ? "|" : "", w->word[k]);
    assert_string_equal(names, t->names);
    assert_string_equal(words, t->words);
}

static void check(const struct entry *t, bool is_arff)
{
    struct loom_table got;
    struct loom_bytes b;
    struct loom_errmsg e = {""};
    loom_bytes_memory(&b, t->text, strlen(t->text), "file");
    int err = is_arff ? loom_arff_decode(&b, &got, &e)
                      : loom_csv_decode(&b, &t->conf, &got, &e);
    if (err != t->err || (err && !strstr(e.text, t->sentence)))
        fail_msg("%s: %d, \"%s\"", t->text, err, e.text);
    if (err)
        assert_true(!got.a.data && !got.name && !got.n_columns);
    else
        check_table(t, &got);
    loom_table_deinit(&got);
}

static void entries(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(csv) / sizeof(*csv); k++)
        check(&csv[k], false);
    for (size_t k = 0; k < sizeof(arff) / sizeof(*arff); k++)
        check(&arff[k], true);
}

/* 20,000 rows cross every buffer's end, LF and CR LF alike; packed too. */
static void large(void **state)
{
    (void)state;
    char *dir = test_folder(), *path = test_path(dir, "large.csv.gz");
    for (int crlf = 0; crlf < 2; crlf++) {
        gzFile g = gzopen(path, "wb");
        gzprintf(g, "n,square,word%s\n", crlf ? "\r" : "");
        for (int i = 0; i < 20000; i++)
            gzprintf(g, "%d,%d,\"w%d\"%s\n", i, i * i % 1000, i % 7,
                     crlf ? "\r" : "");
        gzclose(g);
        struct loom_table t;
        assert_ok(loom_csv_read(path, &(struct loom_csv_conf){-1, 0}, &t, e));
        assert_int_equal(t.a.dim[0], 20000);
        const float *v = t.a.data;
        for (int i = 0; i < 20000; i++)
            assert_true(v[3 * i] == (float)i &&
                        v[3 * i + 1] == (float)(i * i % 1000) &&
                        v[3 * i + 2] == (float)(i % 7));
        assert_int_equal(loom_table_column(&t, "square"), 1);
        assert_int_equal(loom_table_column(&t, "3"), 2);
        assert_int_equal(loom_table_column(&t, "4"), -1);
        assert_int_equal(loom_table_column(&t, "0"), -1);
        assert_int_equal(loom_table_column(&t, ""), -1);
        loom_table_deinit(&t);
    }
    /* Cut in the middle: never the rows before as if they were all. */
    void *data;
    size_t n;
    struct loom_table t;
    assert_ok(loom_file_read(path, 1 << 24, &data, &n, e));
    assert_ok(loom_file_write(path, data, n / 2, e));
    free(data);
    assert_fails(loom_csv_read(path, &(struct loom_csv_conf){-1, 0}, &t, e),
                 LOOM_ERR_FORMAT, "damaged");
    free(path);
    test_folder_remove(dir);
}

static void limits(void **state)
{
    (void)state;
    enum { ROOM = 1 << 20 };
    char *text = loom_malloc(ROOM);
    struct loom_bytes b;
    struct loom_table t;
    struct loom_csv_conf conf = {0, ','};
    /* More columns, words and characters than are read. */
    memset(text, ',', LOOM_TABLE_COLUMNS);
    loom_bytes_memory(&b, text, LOOM_TABLE_COLUMNS, "wide");
    assert_fails(loom_csv_decode(&b, &conf, &t, e), LOOM_ERR_FORMAT,
                 "wide: line 1: more than 65536 columns");
    size_t n = 0;
    for (int i = 0; i <= LOOM_TABLE_WORDS; i++)
        n += (size_t)sprintf(text + n, "w%d\n", i);
    loom_bytes_memory(&b, text, n, "wordy");
    assert_fails(loom_csv_decode(&b, &conf, &t, e), LOOM_ERR_FORMAT,
                 "different words");
    memset(text, 'x', ROOM);
    loom_bytes_memory(&b, text, ROOM, "long");
    assert_fails(loom_csv_decode(&b, &conf, &t, e), LOOM_ERR_FORMAT,
                 "a field of more than");
    loom_bytes_memory(&b, "1,\0", 3, "zero");
    assert_fails(loom_csv_decode(&b, &conf, &t, e), LOOM_ERR_FORMAT, "no text");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),
        cmocka_unit_test(large),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
