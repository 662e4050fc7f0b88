#define PCRE2_CODE_UNIT_WIDTH 8
#include "tui/filter.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <pcre2.h>

#include "engine/mem.h"

enum {
    DEPTH = 64, /* of parentheses and nots */
    NODES = 1000,
    MATCH_LIMIT = 20000 /* steps of one regular expression on one text */
};

enum op { OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE, OP_HAS };

enum kind {
    NODE_AND,
    NODE_OR,
    NODE_NOT,
    NODE_TAG,
    NODE_WORD,
    NODE_REGEX,
    NODE_COMPARE
};

struct node {
    enum kind kind;
    int a, b;   /* operands of and, or, not */
    char *text; /* tag, word, or the right side of a comparison */
    pcre2_code *regex;
    char *name; /* left side of a comparison */
    int field;  /* in fields[], -1: the metric's name or a setting */
    enum op op;
    double number; /* the right side; NaN: only a text */
    bool found;    /* some run had this name */
};

struct filter {
    struct node *node;
    int n, root; /* root -1: all pass */
    pcre2_match_data *match;
    pcre2_match_context *limit;
};

/* Names that every run has. */

enum field {
    F_ID,
    F_STATE,
    F_TAGS,
    F_NOTE,
    F_SCRIPT,
    F_PARENT,
    F_REASON,
    F_TEXTS,
    F_METRIC = F_TEXTS,
    F_EBOPS,
    F_LUT4,
    F_LC,
    F_FMAX,
    F_EPOCHS,
    F_SEED,
    F_BUILDS,
    F_POINTS,
    F_STARTED,
    F_ENDED
};

static const struct {
    const char *name;
    enum field field;
} fields[] = {
    {"id", F_ID},         {"run", F_ID},        {"state", F_STATE},
    {"tags", F_TAGS},     {"tag", F_TAGS},      {"note", F_NOTE},
    {"script", F_SCRIPT}, {"parent", F_PARENT}, {"reason", F_REASON},
    {"metric", F_METRIC}, {"best", F_METRIC},   {"ebops", F_EBOPS},
    {"lut4", F_LUT4},     {"lut", F_LUT4},      {"lc", F_LC},
    {"fmax", F_FMAX},     {"epochs", F_EPOCHS}, {"seed", F_SEED},
    {"builds", F_BUILDS}, {"points", F_POINTS}, {"started", F_STARTED},
    {"ended", F_ENDED},
};

static int find_field(const char *name)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcasecmp(name, fields[i].name))
            return (int)fields[i].field;
    return -1;
}

/* ---- parsing ---- */

struct parser {
    const char *text, *p;
    struct filter *f;
    struct loom_errmsg *e;
    const char *wrong; /* where it failed, NULL: not yet */
    int depth;
};

#define FAIL(s, where, ...)                                                    \
    do {                                                                       \
        if (!(s)->wrong) {                                                     \
            (s)->wrong = (where);                                              \
            loom_fail((s)->e, LOOM_ERR_ARG, __VA_ARGS__);                      \
        }                                                                      \
    } while (0)

static int add(struct parser *s, enum kind kind, int a, int b)
{
    struct filter *f = s->f;
    if (f->n == NODES)
        FAIL(s, s->p, "too long: more than %d terms", NODES);
    f->node = loom_realloc(f->node, (size_t)(f->n + 1) * sizeof *f->node);
    f->node[f->n] = (struct node){
        .kind = kind, .a = a, .b = b, .field = -1, .number = (double)NAN};
    return f->n++;
}

static void skip_space(struct parser *s)
{
    while (isspace((unsigned char)*s->p))
        s->p++;
}

/* A bare word: all but spaces, parentheses and what begins something else. */
static size_t word_length(const char *p)
{
    return strcspn(p, " \t\r\n()<>=!~\"");
}

static bool is_word(const struct parser *s, const char *word)
{
    size_t n = word_length(s->p);
    return n == strlen(word) && !strncasecmp(s->p, word, n);
}

/* A quoted text or a bare word, copied. NULL after a failure. */
static char *take_text(struct parser *s, const char *what)
{
    const char *from = s->p;
    size_t n;
    if (*from == '"') {
        const char *end = strchr(++from, '"');
        if (!end) {
            FAIL(s, s->p, "the quote that opens here is never closed");
            return NULL;
        }
        n = (size_t)(end - from);
        s->p = end + 1;
    } else {
        n = word_length(from);
        s->p += n;
    }
    if (!n) {
        FAIL(s, from, "%s is missing here", what);
        return NULL;
    }
    return loom_asprintf("%.*s", (int)n, from);
}

/* "/…/" with an "i" or not behind it; a slash in it is written "\/". */
static int parse_regex(struct parser *s)
{
    const char *from = s->p + 1, *end = from;
    while (*end && *end != '/')
        end += *end == '\\' && end[1] ? 2 : 1;
    if (!*end) {
        FAIL(s, s->p, "the / that opens here is never closed");
        return -1;
    }
    int code;
    size_t at;
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    s->p = end + 1;
    if (*s->p == 'i') {
        options |= PCRE2_CASELESS;
        s->p++;
    }
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)from, (size_t)(end - from),
                                   options, &code, &at, NULL);
    if (!re) {
        char why[120];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        FAIL(s, from + at, "%s", why);
        return -1;
    }
    pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
    int i = add(s, NODE_REGEX, -1, -1);
    s->f->node[i].regex = re;
    return i;
}

/* "5000", ".75", "4k", "2026-11-01" (midnight here). NaN: none of these. */
static double read_number(const char *text)
{
    struct tm day = {.tm_isdst = -1};
    char *end;
    int n = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &day.tm_year, &day.tm_mon, &day.tm_mday,
               &n) == 3 &&
        !text[n]) {
        day.tm_year -= 1900;
        day.tm_mon -= 1;
        return (double)mktime(&day);
    }
    if (isalpha((unsigned char)*text))
        return (double)NAN; /* "nan" and "inf" are words here */
    double v = strtod(text, &end);
    if (end == text)
        return (double)NAN;
    if (*end == 'k')
        v *= 1e3;
    else if (*end == 'M')
        v *= 1e6;
    else if (*end == 'G')
        v *= 1e9;
    else
        end--;
    return end[1] ? (double)NAN : v;
}

static bool take_op(struct parser *s, enum op *op)
{
    static const struct {
        const char *sign;
        enum op op;
    } ops[] = {{"<=", OP_LE}, {">=", OP_GE}, {"!=", OP_NE}, {"==", OP_EQ},
               {"<", OP_LT},  {">", OP_GT},  {"=", OP_EQ},  {"~", OP_HAS}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strncmp(s->p, ops[i].sign, strlen(ops[i].sign))) {
            *op = ops[i].op;
            s->p += strlen(ops[i].sign);
            return true;
        }
    return false;
}

/* What follows `name`, which began at `from`. */
static int parse_compare(struct parser *s, char *name, enum op op)
{
    int i = add(s, NODE_COMPARE, -1, -1), field = find_field(name);
    struct node *n = &s->f->node[i];
    n->name = name;
    n->field = field;
    n->op = op;
    skip_space(s);
    const char *at = s->p;
    n->text = take_text(s, "what to compare with");
    if (!n->text)
        return -1;
    n->number = read_number(n->text);
    bool order = op != OP_EQ && op != OP_NE && op != OP_HAS;
    if (field >= 0 && field < F_TEXTS && order)
        FAIL(s, at, "%s is a text: compare it with =, != or ~", name);
    else if ((order || field >= (int)F_TEXTS) && isnan(n->number))
        FAIL(s, at, "'%s' is no number", n->text);
    else if (field >= (int)F_TEXTS && op == OP_HAS)
        FAIL(s, at,
             "%s is a number: compare it with <, <=, >, >=, = or !=", name);
    if (field == F_STATE && op != OP_HAS && loom_run_state_find(n->text) < 0)
        FAIL(s, at,
             "no such state; there are running, done, stopped, failed "
             "and lost");
    return s->wrong ? -1 : i;
}

static int parse_or(struct parser *s);

static int parse_group(struct parser *s)
{
    const char *open = s->p++;
    int i = parse_or(s);
    skip_space(s);
    if (!s->wrong && *s->p != ')')
        FAIL(s, *s->p ? s->p : open, "%s",
             *s->p ? "a ) is missing before this"
                   : "the ( that opens here is never closed");
    else if (*s->p)
        s->p++;
    return i;
}

static int parse_term(struct parser *s)
{
    enum op op;
    bool quoted = *s->p == '"', tag = *s->p == '#';
    if (*s->p == '(')
        return parse_group(s);
    if (*s->p == '/')
        return parse_regex(s);
    s->p += tag;
    char *text = take_text(s, tag ? "a tag" : "a word or a name");
    if (!text)
        return -1;
    const char *after = s->p;
    skip_space(s);
    if (!quoted && !tag && take_op(s, &op))
        return parse_compare(s, text, op);
    s->p = after;
    int i = add(s, tag ? NODE_TAG : NODE_WORD, -1, -1);
    s->f->node[i].text = text;
    return i;
}

static int parse_not(struct parser *s)
{
    int i;
    skip_space(s);
    if (++s->depth > DEPTH) {
        FAIL(s, s->p, "more than %d levels of parentheses", DEPTH);
        return -1;
    }
    if (is_word(s, "not")) {
        s->p += 3;
        i = parse_not(s);
        if (!s->wrong)
            i = add(s, NODE_NOT, i, -1);
    } else {
        i = parse_term(s);
    }
    s->depth--;
    return i;
}

static int parse_and(struct parser *s)
{
    int a = parse_not(s);
    for (skip_space(s); !s->wrong && *s->p && *s->p != ')' && !is_word(s, "or");
         skip_space(s)) {
        if (is_word(s, "and"))
            s->p += 3;
        int b = parse_not(s);
        if (!s->wrong)
            a = add(s, NODE_AND, a, b);
    }
    return a;
}

static int parse_or(struct parser *s)
{
    int a = parse_and(s);
    for (skip_space(s); !s->wrong && is_word(s, "or"); skip_space(s)) {
        s->p += 2;
        int b = parse_and(s);
        if (!s->wrong)
            a = add(s, NODE_OR, a, b);
    }
    return a;
}

struct filter *filter_parse(const char *text, size_t *at, struct loom_errmsg *e)
{
    struct filter *f = loom_calloc(1, sizeof *f);
    struct parser s = {.text = text, .p = text, .f = f, .e = e};
    f->root = -1;
    f->match = pcre2_match_data_create(1, NULL);
    f->limit = pcre2_match_context_create(NULL);
    if (!f->match || !f->limit)
        abort();
    pcre2_set_match_limit(f->limit, MATCH_LIMIT);
    skip_space(&s);
    if (*s.p)
        f->root = parse_or(&s);
    if (!s.wrong && *s.p)
        FAIL(&s, s.p, "no ( was opened before this )");
    if (!s.wrong)
        return f;
    if (at)
        *at = (size_t)(s.wrong - text);
    filter_free(f);
    return NULL;
}

void filter_free(struct filter *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->n; i++) {
        free(f->node[i].text);
        free(f->node[i].name);
        pcre2_code_free(f->node[i].regex);
    }
    pcre2_match_data_free(f->match);
    pcre2_match_context_free(f->limit);
    free(f->node);
    free(f);
}

/* ---- matching ---- */

static const char *text_of(const struct loom_store_run *r, enum field field)
{
    switch (field) {
    case F_ID:
        return r->id;
    case F_STATE:
        return loom_run_state_word(r->state);
    case F_TAGS:
        return r->tags;
    case F_NOTE:
        return r->note;
    case F_SCRIPT:
        return r->script;
    case F_PARENT:
        return r->parent;
    default:
        return r->reason;
    }
}

static double number_of(const struct filter_row *row, enum field field)
{
    const struct loom_store_run *r = row->run;
    const struct loom_store_cost *c = row->cost;
    switch (field) {
    case F_METRIC:
        return r->best_epoch ? r->best_metric : (double)NAN;
    case F_EBOPS:
        return r->best_epoch ? r->best_ebops : (double)NAN;
    case F_LUT4:
        return c ? c->lut4 : (double)NAN;
    case F_LC:
        return c ? c->lc : (double)NAN;
    case F_FMAX:
        return c ? c->fmax_mhz : (double)NAN;
    case F_EPOCHS:
        return r->epochs;
    case F_SEED:
        return (double)r->seed;
    case F_BUILDS:
        return r->n_builds;
    case F_POINTS:
        return r->n_points;
    case F_STARTED:
        return r->started;
    default:
        return r->ended;
    }
}

static bool has_tag(const char *tags, const char *tag)
{
    size_t n = strlen(tag);
    for (const char *p = tags; *p; p += p[0] == ',') {
        size_t len = strcspn(p, ",");
        if (len == n && !strncasecmp(p, tag, n))
            return true;
        p += len;
    }
    return false;
}

static bool compare_numbers(double a, enum op op, double b)
{
    switch (op) {
    case OP_LT:
        return a < b;
    case OP_LE:
        return a <= b;
    case OP_GT:
        return a > b;
    case OP_GE:
        return a >= b;
    case OP_EQ:
        return a == b;
    default:
        return isfinite(a) && a != b;
    }
}

static bool compare_texts(const char *a, enum op op, const char *b)
{
    return op == OP_HAS  ? strcasestr(a, b) != NULL
           : op == OP_EQ ? !strcasecmp(a, b)
           : op == OP_NE ? strcasecmp(a, b) != 0
                         : false;
}

/* "acc" is "accuracy" where that is the run's metric. */
static bool names_metric(const struct loom_store_run *r, const char *name)
{
    size_t n = strlen(name);
    return !strncasecmp(r->metric, name, n) && (!r->metric[n] || n >= 3);
}

/* What "--set name=value" gave it, or NULL. */
static const char *given(const json_t *settings, const char *name)
{
    json_t *set = json_object_get(settings, "set"), *v;
    size_t i, len = strlen(name);
    json_array_foreach(set, i, v)
    {
        const char *text = json_string_value(v);
        if (text && !strncmp(text, name, len) && text[len] == '=')
            return text + len + 1;
    }
    return NULL;
}

double filter_setting(const json_t *settings, const char *name)
{
    const json_t *v = json_object_get(settings, name);
    const char *text = v ? json_string_value(v) : given(settings, name);
    return json_is_number(v) ? json_number_value(v)
           : text            ? read_number(text)
                             : (double)NAN;
}

void filter_setting_names(const json_t *settings, json_t *names)
{
    const char *key;
    const json_t *v;
    size_t i;
    /* Iterating does not change it. */
    for (void *k = json_object_iter((json_t *)(uintptr_t)settings); k;
         k = json_object_iter_next((json_t *)(uintptr_t)settings, k)) {
        key = json_object_iter_key(k);
        if (isfinite(filter_setting(settings, key)))
            json_object_set_new(names, key, json_null());
    }
    json_array_foreach(json_object_get(settings, "set"), i, v)
    {
        char name[64];
        const char *text = json_string_value(v);
        snprintf(name, sizeof name, "%.*s", text ? (int)strcspn(text, "=") : 0,
                 text ? text : "");
        if (isfinite(filter_setting(settings, name)))
            json_object_set_new(names, name, json_null());
    }
}

/* A setting of the run: a number, a text, or true and false as texts. */
static bool compare_setting(struct node *n, const json_t *settings)
{
    const json_t *v = json_object_get(settings, n->name);
    const char *text = !v                  ? given(settings, n->name)
                       : json_is_string(v) ? json_string_value(v)
                       : json_is_true(v)   ? "true"
                       : json_is_false(v)  ? "false"
                                           : NULL;
    n->found |= v != NULL || text != NULL;
    if (json_is_number(v))
        return compare_numbers(json_number_value(v), n->op, n->number);
    if (text && isfinite(n->number) && isfinite(read_number(text)))
        return compare_numbers(read_number(text), n->op, n->number);
    return text && compare_texts(text, n->op, n->text);
}

static bool compare(struct node *n, const struct filter_row *row)
{
    if (n->field >= 0 && n->field < F_TEXTS) {
        const char *text = text_of(row->run, (enum field)n->field);
        if (n->field == F_TAGS && n->op != OP_HAS)
            return has_tag(text, n->text) == (n->op == OP_EQ);
        return compare_texts(text, n->op, n->text);
    }
    if (n->field >= 0)
        return compare_numbers(number_of(row, (enum field)n->field), n->op,
                               n->number);
    if (names_metric(row->run, n->name)) {
        n->found = true;
        return compare_numbers(number_of(row, F_METRIC), n->op, n->number);
    }
    return compare_setting(n, row->settings);
}

static bool match_text(struct filter *f, const struct node *n, const char *text)
{
    if (n->kind == NODE_WORD)
        return strcasestr(text, n->text) != NULL;
    return pcre2_match(n->regex, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0,
                       f->match, f->limit) >= 0;
}

static bool match_any(struct filter *f, const struct node *n,
                      const struct loom_store_run *r)
{
    for (int i = 0; i < F_TEXTS; i++)
        if (match_text(f, n, text_of(r, (enum field)i)))
            return true;
    return match_text(f, n, r->metric);
}

static bool match(struct filter *f, int i, const struct filter_row *row)
{
    struct node *n = &f->node[i];
    switch (n->kind) {
    case NODE_AND:
        return match(f, n->a, row) && match(f, n->b, row);
    case NODE_OR:
        return match(f, n->a, row) || match(f, n->b, row);
    case NODE_NOT:
        return !match(f, n->a, row);
    case NODE_TAG:
        return has_tag(row->run->tags, n->text);
    case NODE_COMPARE:
        return compare(n, row);
    default:
        return match_any(f, n, row->run);
    }
}

bool filter_match(struct filter *f, const struct filter_row *row)
{
    return f->root < 0 || match(f, f->root, row);
}

const char *filter_unknown(const struct filter *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->node[i].kind == NODE_COMPARE && f->node[i].field < 0 &&
            !f->node[i].found)
            return f->node[i].name;
    return NULL;
}
