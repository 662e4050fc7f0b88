/* The report: whole and well-formed whatever the runs hold, nothing in it from
 * elsewhere, the same bytes each time. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/mem.h"
#include "engine/rng.h"
#include "tests/tui/views.h"
#include "tui/chart.h"
#include "tui/report.h"

/* One tag from p on, into the stack of open ones; NULL if it is not well
 * written. */
static const char *take_tag(const char *p, char open[][16], int *depth)
{
    char name[16] = "";
    bool close = p[1] == '/', quote = false;
    const char *q = p + 1 + close;
    size_t n = strspn(q, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (!n || n >= sizeof name)
        return NULL;
    memcpy(name, q, n);
    for (q += n; *q && (quote || *q != '>'); q++) {
        if (*q == '<' || *q == '"')
            return NULL;
        quote ^= *q == '\'';
    }
    if (*q != '>')
        return NULL;
    if (close && (!*depth || strcmp(open[--*depth], name) != 0))
        return NULL;
    if (!close && q[-1] != '/') {
        if (*depth == 32)
            return NULL;
        memcpy(open[(*depth)++], name, sizeof name);
    }
    return q + 1;
}

/* NULL: well-formed; else where it is not. */
static const char *not_well_formed(const char *page)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;",
                                           "&#39;"};
    static const char doctype[] = "<!DOCTYPE html>\n";
    char open[32][16];
    int depth = 0;
    if (strncmp(page, doctype, strlen(doctype)) != 0)
        return page;
    for (const char *p = page + strlen(doctype); *p;) {
        bool fine = (unsigned char)*p >= ' ' || *p == '\n' || *p == '\t';
        if (*p == '<') {
            const char *next = take_tag(p, open, &depth);
            if (!next)
                return p;
            p = next;
            continue;
        }
        if (*p == '&') {
            fine = false;
            for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
                fine |= !strncmp(p, entities[i], strlen(entities[i]));
        }
        if (!fine)
            return p;
        p++;
    }
    return depth ? "(the end)" : NULL;
}

static void check_page(const char *page)
{
    const char *at = not_well_formed(page);
    if (at)
        fail_msg("not well-formed: %.80s", at);
    static const char *const never[] = {
        "<script", "http:", "https:",  "url(", "@import", "javascript",
        "<img",    "<link", "<iframe", "nan",  "inf'"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strstr(page, never[i]))
            fail_msg("the page has %s", never[i]);
}

static void test_escape(void **unused)
{
    (void)unused;
    static const char *const t[][2] = {
        {"a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"},
        {"\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80",
         "\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80"},
        {"\x1b\x07\x7f", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xff", "\xef\xbf\xbd"},                 /* no UTF-8 */
        {"\xe2\x94", "\xef\xbf\xbd\xef\xbf\xbd"}, /* cut off */
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"}, /* too long a form */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"tab\tline\n", "tab\tline\n"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct html h = {0};
        html_text(&h, t[i][0]);
        assert_string_equal(h.text, t[i][1]);
        free(h.text);
    }
}

static const char hostile[] =
    "</title></pre><script>alert(1)</script><!-- ' \" onload=x & "
    "\x1b[31m \xff\xfe ]]> <svg/onload=alert(1)>";

/* Run i of the page: everything of it is hostile, or odd. */
static void make_more(struct report_run *m, int i)
{
    *m = (struct report_run){.n_epochs = 40, .n_points = 6, .n_builds = 2};
    m->epoch = loom_calloc(m->n_epochs, sizeof *m->epoch);
    for (int k = 0; k < 40; k++)
        m->epoch[k] = (struct loom_store_epoch){
            .epoch = k + 1,
            .loss = k == 5 ? (double)NAN : 1.0 / (k + 1),
            .val_loss = k == 6 ? INFINITY : 1.2 / (k + 1),
            .val_metric = i ? 1e308 : 0.5,
            .ebops = 3e4 / (k + 1),
            .beta = k - 3,
            .lr = i ? 0 : 1e-3};
    m->point = loom_calloc(m->n_points, sizeof *m->point);
    for (int k = 0; k < 6; k++)
        m->point[k] =
            (struct loom_store_point){.epoch = k + 1,
                                      .ebops = k == 2 ? (double)NAN : 100 * k,
                                      .val_metric = k == 3 ? -INFINITY : k};
    m->build = loom_calloc(m->n_builds, sizeof *m->build);
    for (int k = 0; k < 2; k++) {
        struct loom_store_build *b = &m->build[k];
        *b = (struct loom_store_build){.epoch = 5, .dir = loom_strdup("")};
        snprintf(b->device, sizeof b->device, "%.31s", hostile);
        snprintf(b->state, sizeof b->state, "<b>done");
        b->report = loom_strdup(
            k ? "{\"cells\":{\"lut4\":\"<x>\",\"lc\":-1},\"predicted\":{}}"
              : "[broken");
    }
    m->n_layers = m->n_maps = 1;
    m->layer = loom_calloc(1, sizeof *m->layer);
    snprintf(m->layer->name, sizeof m->layer->name, "%.31s", hostile);
    m->layer->ebops = NAN;
    m->layer->mean_w_bits = -1;
    m->map = loom_calloc(1, sizeof *m->map);
    *m->map = (struct report_map){.rows = 20, .cols = 30};
    snprintf(m->map->name, sizeof m->map->name, "%.47s", hostile);
    m->map->bits = loom_malloc(600);
    for (int k = 0; k < 600; k++)
        m->map->bits[k] = (uint8_t)(k % 13 * (k % 5 ? 1 : 20));
    loom_fail(&m->why, LOOM_ERR_FORMAT, "%s", hostile);
}

static void make_hostile(struct loom_store_run *r)
{
    char **text[] = {&r->script, &r->script_text, &r->settings,
                     &r->tags,   &r->note,        &r->reason};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        free(*text[i]);
        *text[i] = loom_strdup(hostile);
    }
    snprintf(r->id, sizeof r->id, "%.63s", hostile);
    snprintf(r->metric, sizeof r->metric, "<i>%s", "rms'&");
    snprintf(r->unit, sizeof r->unit, "\"&<");
    snprintf(r->version, sizeof r->version, "<v>");
    snprintf(r->parent, sizeof r->parent, "%.63s", hostile + 5);
}

static void test_hostile(void **unused)
{
    (void)unused;
    struct runs_list *l = runs_make(RUNS_STRANGE);
    struct report_run more[3];
    make_hostile(&l->data->run[1]);
    for (int i = 0; i < 3; i++)
        make_more(&more[i], i);
    for (int n = 1; n <= 3; n++) {
        char *page = report_make(l->data->row, more, n);
        char *again = report_make(l->data->row, more, n);
        /* What is said of a script is text; nothing of it is a tag. */
        assert_null(strstr(page, "<script"));
        assert_null(strstr(page, "<svg/"));
        assert_string_equal(page, again);
        const char *at = not_well_formed(page);
        if (at)
            fail_msg("not well-formed: %.80s", at);
        free(page);
        free(again);
    }
    for (int i = 0; i < 3; i++)
        report_run_deinit(&more[i]);
    runs_list_free(l);
}

/* A run that has just begun: nothing to draw, and still a page. */
static void test_bare(void **unused)
{
    (void)unused;
    struct runs_list *l = runs_make(RUNS_SOME);
    struct report_run more[14] = {{.n_maps = 0}};
    char *page = report_make(l->data->row, more, 14);
    check_page(page);
    assert_null(strstr(page, "<svg"));
    assert_non_null(strstr(page, "class='guess'>~2760"));
    assert_non_null(strstr(page, "class='measured'>2270"));
    free(page);
    runs_list_free(l);
}

static void test_chart(void **unused)
{
    (void)unused;
    struct loom_rng r = loom_rng_init(5, 0);
    for (int i = 0; i < 400; i++) {
        double x[1200], y[1200];
        int n = (int)(loom_rng_u64(&r) % (i % 8 ? 9 : 1200));
        static const double odd[] = {0,      -1,     NAN, INFINITY, 1e308,
                                     -1e308, 1e-320, 5,   5};
        for (int k = 0; k < n; k++) {
            x[k] = i % 3 ? k : odd[loom_rng_u64(&r) % 9];
            y[k] = i % 5 ? odd[loom_rng_u64(&r) % 9] : k * 1e-9;
        }
        struct chart_series s = {.x = x,
                                 .y = y,
                                 .n = n,
                                 .color = i,
                                 .mark = (enum chart_mark)(i % 3),
                                 .name = hostile};
        struct html h = {0};
        html_raw(&h, "<!DOCTYPE html>\n");
        chart_draw(&h, "<t>", "epoch", i & 1, i & 2, &s, 1);
        const char *at = not_well_formed(h.text);
        if (at || strstr(h.text, "nan ") || strstr(h.text, "inf "))
            fail_msg("chart %d: %.80s", i, at ? at : h.text);
        free(h.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_bare), cmocka_unit_test(test_chart)};
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
