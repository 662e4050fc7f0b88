/* The netlist against the network: simulated, and proven. A circuit that is
 * made wrong must be found out.
 * LOOM_NIGHTLY=1 draws 1,000 networks of a kind (meson test -t 0),
 * LOOM_PROPERTY=7 that many, LOOM_SEED=7 from that one on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/aig.h"
#include "fpga_flow/design.h"
#include "fpga_flow/formal.h"
#include "fpga_flow/target.h"
#include "fpga_flow/tool.h"
#include "fpga_flow/verify.h"
#include "fpga_flow/verilog.h"
#include "tests/flow/netgen.h"

static char *dir, *core;

static void need(const char *tool)
{
    char path[4096];
    struct loom_errmsg e;
    if (!loom_tool_find(tool, path, sizeof(path), &e))
        return;
    print_message("%s\n", e.text);
    skip();
}

static void put(char *text)
{
    assert_int_equal(loom_file_write(core, text, strlen(text), NULL), 0);
    free(text);
}

static struct loom_design *design(const struct loom_exact *net,
                                  const struct loom_family *family, int levels)
{
    return loom_design_new(net,
                           &(struct loom_design_conf){.name = "net",
                                                      .family = family,
                                                      .levels = levels},
                           NULL);
}

/* Simulate and prove the netlist of what is in the file `core`. Returns how
 * many layers were left open: products and maxima of many bits are hard. */
static int check(const struct loom_design *d, uint64_t seed)
{
    struct loom_errmsg e = {""};
    struct loom_verify_result r;
    struct loom_formal_result p;
    struct loom_verify v = {
        .d = d, .core = core, .random = 200, .timeout_s = 300};
    struct loom_formal f = {.d = d, .core = core, .timeout_s = 30};
    if (loom_verify_netlist(&v, &r, &e) || loom_formal_run(&f, &p, &e))
        fail_msg("seed %lu: %s", (unsigned long)seed, e.text);
    if (r.mismatches)
        fail_msg("seed %lu: %ld of %ld: %s", (unsigned long)seed, r.mismatches,
                 r.vectors, r.first);
    for (size_t i = 0; i < p.n; i++) {
        const struct loom_formal_layer *l = &p.layer[i];
        if (l->verdict == LOOM_FAILED ||
            (l->verdict == LOOM_UNKNOWN && !strstr(l->reason, "not done") &&
             !strstr(l->reason, "another layer")))
            fail_msg("seed %lu: %s is %s: %s", (unsigned long)seed, l->name,
                     loom_verdict_word(l->verdict), l->reason);
    }
    int open = p.unknown;
    loom_formal_free(&p);
    return open;
}

/* Any operation, mode and width. */
static void test_wild(void **state)
{
    char path[4096];
    (void)state;
    need("iverilog");
    need("yosys-abc");
    need("nextpnr-ice40");
    uint64_t seed;
    long nets = netgen_count(10, &seed);
    bool ecp5 = !loom_tool_find(loom_ecp5.nextpnr, path, sizeof(path), NULL);
    int open = 0;
    for (long n = 0; n < nets; seed++) {
        struct loom_exact *net = netgen_wild(seed);
        struct loom_design *d =
            net ? design(net, seed & 4 && ecp5 ? &loom_ecp5 : &loom_ice40,
                         (int)(seed % 4))
                : NULL;
        if (d) {
            put(loom_verilog_core(d));
            open += check(d, seed);
            n++;
        }
        loom_design_destroy(d);
        loom_exact_destroy(net);
    }
    print_message("%ld networks before seed %lu, %d layers open\n", nets,
                  (unsigned long)seed, open);
    assert_true(10 * open <= nets);
}

/* ---- circuits made wrong ------------------------------------------------ */

static struct loom_exact *net;
static struct loom_design *d;

static int make_net(void **state)
{
    static const int sizes[] = {8, 6, 3};
    (void)state;
    net = netgen_like(6, sizes, 3, 600, 5);
    d = design(net, &loom_ice40, 1);
    return !d;
}

static int drop_net(void **state)
{
    (void)state;
    loom_design_destroy(d);
    loom_exact_destroy(net);
    return 0;
}

/* The core with the first `from` behind `after` replaced; NULL: as it is. */
static void write_core(const char *after, const char *from, const char *to)
{
    char *text = loom_verilog_core(d);
    if (after) {
        char *at = strstr(text, after);
        at = at ? strstr(at, from) : NULL;
        if (!at)
            fail_msg("no \"%s\" behind \"%s\"", from, after);
        char *wrong = loom_asprintf("%.*s%s%s", (int)(at - text), text, to,
                                    at + strlen(from));
        free(text);
        text = wrong;
    }
    put(text);
}

/* Prove the core; the verdict on a layer, or on the top. */
static enum loom_verdict verdict(const char *layer, char *reason, size_t size)
{
    struct loom_errmsg e = {""};
    struct loom_formal_result p;
    struct loom_formal f = {.d = d, .core = core, .timeout_s = 300, .jobs = 2};
    need("yosys-abc");
    need("nextpnr-ice40");
    if (loom_formal_run(&f, &p, &e))
        fail_msg("%s", e.text);
    assert_int_equal(p.proven + p.failed + p.unknown, p.n);
    enum loom_verdict v = LOOM_UNKNOWN;
    for (size_t i = 0; i < p.n; i++) {
        const struct loom_formal_layer *l = &p.layer[i];
        if (!strcmp(l->name, layer)) {
            v = l->verdict;
            snprintf(reason, size, "%s", l->reason);
        } else if (l->verdict != LOOM_PROVEN) {
            fail_msg("%s: %s", l->name, l->reason);
        }
    }
    loom_formal_free(&p);
    return v;
}

static void test_right(void **state)
{
    char reason[512];
    (void)state;
    write_core(NULL, NULL, NULL);
    assert_int_equal(verdict("linear_1", reason, sizeof(reason)), LOOM_PROVEN);
}

/* The number behind `word` in text. */
static long number_behind(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    if (!at)
        fail_msg("no \"%s\" in \"%s\"", word, text);
    return strtol(at + strlen(word), NULL, 10);
}

/* A sum that is a difference: failed, with inputs for which the network does
 * say what the counterexample says it should. */
static void test_wrong_sum(void **state)
{
    char reason[512], name[32];
    (void)state;
    write_core("module net_linear_4", " + ", " - ");
    assert_int_equal(verdict("linear_4", reason, sizeof(reason)), LOOM_FAILED);
    const struct loom_exact_node *y = &net->nodes[net->output];
    const struct loom_exact_node *x = &net->nodes[y->input[0]];
    long j = number_behind(reason, "linear_4["), sum = 0;
    assert_int_equal(y->op, LOOM_EXACT_LINEAR);
    if (y->b[j])
        sum = (long)y->b[j] * (1L << (y->elem[j].f - y->bf[j]));
    for (size_t t = y->start[j]; t < y->start[j + 1]; t++) {
        const struct loom_exact_term *term = &y->term[t];
        snprintf(name, sizeof(name), "%s[%d] = ", x->name, term->i);
        long v = number_behind(reason, name);
        assert_in_range(v - x->elem[term->i].lo, 0,
                        x->elem[term->i].hi - x->elem[term->i].lo);
        if (v)
            sum += (long)term->w * v *
                   (1L << (y->elem[j].f - term->f - x->elem[term->i].f));
    }
    assert_int_equal(number_behind(reason, "should be "), sum);
    assert_int_not_equal(number_behind(reason, "] is "), sum);
}

/* A register that is missing: the paths that meet are not equally long. */
static void test_wrong_delay(void **state)
{
    char reason[512];
    (void)state;
    char *text = loom_verilog_core(d), *m = strstr(text, "module net_linear_4");
    char *at = strstr(m, "_r <= "), *end = strchr(at, ';');
    char *name = at;
    while (name[-1] != ' ')
        name--;
    /* NAME_r <= NAME; becomes an assignment without a clock. */
    char *line = loom_asprintf("%.*s", (int)(end - name), name);
    char *wrong = loom_asprintf("%.*s%s", (int)(name - text), text, end + 1);
    char *stop = strstr(wrong + (name - text), "endmodule");
    char *arrow = strstr(line, "<=");
    memcpy(arrow, " =", 2);
    char *all = loom_asprintf("%.*s    always @* %s;\n%s", (int)(stop - wrong),
                              wrong, line, stop);
    put(all);
    free(text);
    free(wrong);
    free(line);
    assert_int_not_equal(verdict("linear_4", reason, sizeof(reason)),
                         LOOM_PROVEN);
    assert_non_null(strstr(reason, "clock edges"));
}

/* A layer connected to the wrong signal. */
static void test_wrong_connection(void **state)
{
    char reason[512];
    (void)state;
    char *text = loom_verilog_core(d);
    char *at = strstr(text, "assign y = {");
    at = strchr(at, '\n');
    while (*at == '\n' || *at == ' ')
        at++;
    char *end = at + strcspn(at, ",}");
    char *first = loom_asprintf("%.*s", (int)(end - at), at);
    char *inverse = loom_asprintf("~%s", first);
    free(text);
    write_core("assign y = {", first, inverse);
    free(first);
    free(inverse);
    assert_int_equal(verdict("top", reason, sizeof(reason)), LOOM_FAILED);
    assert_non_null(strstr(reason, "connected to something else"));
}

/* ---- logic -------------------------------------------------------------- */

static int64_t value(const struct loom_aig *g, const bool *in,
                     const struct loom_word *w)
{
    int64_t v = 0;
    for (int i = 0; i < w->n; i++)
        if (loom_aig_value(g, in, w->bit[i]))
            v += i == w->n - 1 ? -(INT64_C(1) << i) : INT64_C(1) << i;
    return v;
}

/* Words compute like integers, for all values of two of 4 bits. */
static void test_words(void **state)
{
    static const int64_t t[] = {5, -3, 0, 7, 7, -8, 1};
    (void)state;
    struct loom_aig *g = loom_aig_new();
    struct loom_word a = {.n = 4}, b = {.n = 4};
    for (int i = 0; i < 4; i++)
        a.bit[i] = loom_aig_input(g);
    for (int i = 0; i < 4; i++)
        b.bit[i] = loom_aig_input(g);
    struct loom_word not_b = loom_word_not(&b);
    struct loom_word sum = loom_word_add(g, &a, &b, 0, 0, 5);
    struct loom_word diff = loom_word_add(g, &a, &not_b, 1, 0, 5);
    struct loom_word product = loom_word_mul(g, &a, &b);
    struct loom_word pick = loom_word_table(g, &a, -3, t, 7);
    int less = loom_word_less(g, &a, &b);
    int within = loom_word_within(g, &a, -3, 3);
    for (int n = 0; n < 256; n++) {
        bool in[8];
        for (int i = 0; i < 8; i++)
            in[i] = n >> i & 1;
        int64_t x = value(g, in, &a), y = value(g, in, &b);
        assert_int_equal(value(g, in, &sum), x + y);
        assert_int_equal(value(g, in, &diff), x - y);
        assert_int_equal(value(g, in, &product), x * y);
        assert_int_equal(loom_aig_value(g, in, less), x < y);
        assert_int_equal(loom_aig_value(g, in, within), x >= -3 && x <= 3);
        if (x >= -3 && x <= 3)
            assert_int_equal(value(g, in, &pick), t[x + 3]);
    }
    assert_int_equal(loom_aig_and(g, a.bit[0], b.bit[0]),
                     loom_aig_and(g, b.bit[0], a.bit[0]));
    loom_aig_destroy(g);
}

static int make_dir(void **state)
{
    (void)state;
    dir = loom_folder_scratch(NULL);
    if (!dir)
        return -1;
    core = loom_asprintf("%s/core.v", dir);
    return make_net(state);
}

static int remove_dir(void **state)
{
    free(core);
    drop_net(state);
    int err = loom_file_remove_tree(dir);
    free(dir);
    return err;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong_sum),
        cmocka_unit_test(test_wrong_delay),
        cmocka_unit_test(test_wrong_connection),
        cmocka_unit_test(test_wild),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
