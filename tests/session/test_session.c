/* A session on its thread, as the screen has it: commands go in while a small
 * network trains, and views tell what they did. */
#include "tests/data/support.h"

#include <math.h>
#include <poll.h>
#include <time.h>

#include "engine/file.h"
#include "engine/store.h"
#include "lua/session.h"

static char dir[] = "/tmp/loom-session-XXXXXX";
static char script[64];

static const char text[] =
    "local data = loom.muon{train = 2000, val = 400, test = 400, seed = 1,\n"
    "                       target_scale = 64}\n"
    "local bit = {k0 = 0, i0 = 1, f0 = 0, trained = false}\n"
    "local model = loom.model{\n"
    "  input = data.inputs,\n"
    "  loom.dense{8, relu = true, input = bit, kernel = {b0 = 4, i0 = 0}},\n"
    "  loom.dense{1, input = {f0 = 5}, kernel = {b0 = 6, i0 = 1}},\n"
    "}\n"
    "loom.train{name = 'small', model = model, data = data, loss = 'mse',\n"
    "           batch = 200, epochs = loom.option('epochs', 100000),\n"
    "           lr = 2e-3, beta = 1e-6}\n";

static struct loom_session *open_with(bool forecast)
{
    struct loom_errmsg why = {""};
    struct loom_session_conf c = {.script = script,
                                  .out = dir,
                                  .threads = 1,
                                  .seed = 3,
                                  .forecast = forecast};
    struct loom_session *s = loom_session_new(&c, &why);
    if (!s)
        fail_msg("%s", why.text);
    assert_ok(loom_session_start(s, e));
    return s;
}

static struct loom_session *open_session(void)
{
    return open_with(false);
}

static void send(struct loom_session *s, enum loom_cmd_kind kind, double value,
                 const char *word)
{
    struct loom_command c = {.kind = kind, .value = value};
    snprintf(c.text, sizeof(c.text), "%s", word);
    assert_true(loom_session_send(s, &c));
}

/* The next view; fails when none comes for ten seconds. */
static const struct loom_view *next_view(struct loom_session *s)
{
    struct pollfd p = {loom_session_fd(s), POLLIN, 0};
    assert_int_equal(poll(&p, 1, 10000), 1);
    const struct loom_view *v = loom_session_look(s);
    assert_non_null(v);
    if (v->train.state == LOOM_TRAIN_FAILED)
        fail_msg("%s", v->train.error);
    return v;
}

static const struct loom_view *until_epoch(struct loom_session *s, int epoch)
{
    const struct loom_view *v;
    do
        v = next_view(s);
    while (v->train.epoch < epoch);
    return v;
}

static void watch(struct loom_session *s, const char *name, int epoch)
{
    struct loom_command c = {
        .kind = LOOM_CMD_WATCH_LAYER,
        .watch = {
            .rows = 400, .cols = 8, .high = 1, .wide = 1, .epoch = epoch}};
    snprintf(c.watch.name, sizeof(c.watch.name), "%s", name);
    assert_true(loom_session_send(s, &c));
}

/* Views until the layer's detail satisfies what is asked for. */
static const struct loom_layer_detail *until_layer(struct loom_session *s,
                                                   const char *name, bool past)
{
    for (;;) {
        next_view(s);
        const struct loom_layer_detail *d = loom_session_look_layer(s);
        if (d && !strcmp(d->name, name) && past == (d->map >= 0))
            return d;
    }
}

static void test_watch(void **state)
{
    (void)state;
    struct loom_session *s = open_session();
    const struct loom_view *v = until_epoch(s, 3);
    assert_null(loom_session_look_layer(s)); /* not asked for, not made */
    assert_int_equal(v->train.n_layers, 2);
    watch(s, "dense_0", 0);
    const struct loom_layer_detail *d = until_layer(s, "dense_0", false);
    assert_int_equal(d->cols, 8);
    assert_int_equal(d->n_rows, d->rows);
    assert_true(d->n_points >= 3 && d->mean_bits > 0.0f && d->ebops > 0.0f);
    assert_true(d->out.n == 8 && d->in.n == d->rows);
    watch(s, "dense_1", 2);
    d = until_layer(s, "dense_1", true);
    assert_int_equal(d->epoch, 2);
    send(s, LOOM_CMD_PAUSE, 0, "");
    while (next_view(s)->train.state != LOOM_TRAIN_PAUSED)
        ;
    watch(s, "dense_0", 0); /* paused, it answers too */
    until_layer(s, "dense_0", false);
    watch(s, "nonsense", 0);
    until_layer(s, "", false);
    loom_session_destroy(s);
}

static bool said(const struct loom_view *v, const char *words)
{
    for (int k = 0; k < v->n_log; k++)
        if (strstr(v->log[k].text, words))
            return true;
    return false;
}

/* Beside the training the cells of a point are predicted, layer by layer; the
 * inputs of a layer are those of an example; a session may end while the point
 * to build is looked for. */
static void test_beside(void **state)
{
    (void)state;
    struct loom_session *s = open_with(true);
    const struct loom_view *v;
    do
        v = next_view(s);
    while (!v->forecast.epoch);
    assert_true(v->forecast.epoch <= v->train.epoch);
    assert_string_equal(v->forecast.device, "hx8k");
    assert_true(v->forecast.cells.lc > 0 && v->forecast.lc_available == 7680);
    int seen = 0;
    for (int k = 0; k < v->forecast.n_layers; k++) {
        assert_true(v->forecast.layer[k].lc <= v->forecast.cells.lc);
        for (int l = 0; l < v->train.n_layers; l++)
            seen += !strcmp(v->forecast.layer[k].name, v->train.layer[l].name);
    }
    assert_int_equal(seen, v->train.n_layers);
    struct loom_command c = {.kind = LOOM_CMD_WATCH_LAYER,
                             .watch = {.name = "dense_0",
                                       .rows = 32,
                                       .cols = 32,
                                       .high = 1,
                                       .wide = 1,
                                       .inputs = true,
                                       .example = 401}}; /* of 400: row 1 */
    assert_true(loom_session_send(s, &c));
    const struct loom_layer_detail *d;
    do {
        next_view(s);
        d = loom_session_look_layer(s);
    } while (!d || !d->inputs);
    int ones = 0;
    for (int k = 0; k < d->weights; k++) {
        assert_true(d->cell[k].value == 0.0f || d->cell[k].value == 1.0f);
        ones += d->cell[k].value == 1.0f;
    }
    assert_true(d->weights == 350 && ones > 0 && ones < 40);
    send(s, LOOM_CMD_BUILD, 0, "");
    do
        v = next_view(s);
    while (!said(v, "build: looking for the best of"));
    loom_session_destroy(s);
}

/* A rough forecast of a point, as the same point's design was shared, says what
 * that says, to two digits. */
static void test_forecast(void **state)
{
    (void)state;
    struct loom_forecast full, rough;
    char path[256];
    struct loom_session *s = open_with(true);
    const struct loom_view *v;
    do
        v = next_view(s);
    while (!v->forecast.epoch);
    send(s, LOOM_CMD_PAUSE, 0, "");
    do
        v = next_view(s);
    while (v->train.state != LOOM_TRAIN_PAUSED);
    int newest = 0;
    for (int k = 0; k < v->train.n_front; k++)
        if (v->train.front[k].epoch > newest)
            newest = v->train.front[k].epoch;
    snprintf(path, sizeof(path), "%s/%s/epoch-%05d.loom", dir, v->train.run,
             newest);
    const struct loom_device *device = loom_device_find("hx8k");
    assert_ok(loom_forecast_make(path, newest, device, NULL, &full, e));
    assert_ok(loom_forecast_make(path, newest, device, &full, &rough, e));
    assert_true(full.cells.lc < full.plain.lc && full.n_layers > 0);
    assert_true(fabs((double)rough.cells.lc / full.cells.lc - 1) < 0.05);
    for (int k = 0; k < full.n_layers; k++)
        if (full.layer[k].plain_lc)
            assert_true(abs(rough.layer[k].lc - full.layer[k].lc) <=
                        0.05 * full.layer[k].lc);
    loom_session_destroy(s);
}

/* Views until the log has these words. */
static const struct loom_view *until_said(struct loom_session *s,
                                          const char *words)
{
    const struct loom_view *v;
    do
        v = next_view(s);
    while (!said(v, words));
    return v;
}

static const struct loom_view *paused(struct loom_session *s)
{
    const struct loom_view *v;
    send(s, LOOM_CMD_PAUSE, 0, "");
    do
        v = next_view(s);
    while (v->train.state != LOOM_TRAIN_PAUSED);
    return v;
}

/* Views until so many batches are trained in all. */
static const struct loom_view *until_batch(struct loom_session *s, int epoch,
                                           int batch)
{
    const struct loom_view *v;
    do
        v = next_view(s);
    while (v->train.epoch != epoch || v->train.batch != batch);
    return v;
}

static void test_step(void **state)
{
    (void)state;
    struct loom_session *s = open_session();
    until_epoch(s, 1);
    const struct loom_view *v = paused(s);
    int epoch = v->train.epoch, batch = v->train.batch;
    int batches = v->train.batches;
    if (batch == batches - 1) {
        send(s, LOOM_CMD_STEP, 0, "");
        until_batch(s, ++epoch, batch = 0);
    }
    send(s, LOOM_CMD_STEP, 0, "");
    v = until_batch(s, epoch, batch + 1);
    assert_int_equal(v->train.state, LOOM_TRAIN_PAUSED);
    send(s, LOOM_CMD_STEP, 1, "");
    v = until_batch(s, epoch + 1, 0);
    struct pollfd p = {loom_session_fd(s), POLLIN, 0};
    while (poll(&p, 1, 100) > 0) /* it stays there */
        v = loom_session_look(s);
    assert_int_equal(v->train.epoch, epoch + 1);
    assert_int_equal(v->train.batch, 0);
    send(s, LOOM_CMD_RESUME, 0, "");
    until_epoch(s, epoch + 2);
    loom_session_destroy(s);
}

static void test_steering(void **state)
{
    (void)state;
    struct loom_session *s = open_session();
    until_epoch(s, 1);
    const struct loom_view *v = paused(s);
    double beta = (double)v->train.beta;
    send(s, LOOM_CMD_FREEZE, 0, "dense_0");
    v = until_said(s, "dense_0: bits are frozen");
    assert_true(v->train.layer[0].frozen && !v->train.layer[1].frozen);
    send(s, LOOM_CMD_FREEZE, 0, "nonsense");
    until_said(s, "no layer \"nonsense\"");
    send(s, LOOM_CMD_SCALE_LR, 0.5, "");
    send(s, LOOM_CMD_SCALE_BETA, 3, "");
    v = until_said(s, "(x3)");
    assert_true(fabs((double)v->train.beta / beta - 3) < 1e-5);
    send(s, LOOM_CMD_TARGET, 500, "");
    v = until_said(s, "follows 500 EBOPs");
    assert_true(v->train.target == 500.0f);
    send(s, LOOM_CMD_SCALE_BETA, 9, "");
    until_said(s, "first target off");
    for (int k = 0; k < 5; k++)
        send(s, LOOM_CMD_UNDO, 0, "");
    v = until_said(s, "nothing to take back");
    assert_true(!v->train.layer[0].frozen && v->train.target == 0.0f);
    assert_true((double)v->train.beta == beta && v->train.lr_factor == 1.0f);
    char run[48];
    memcpy(run, v->train.run, sizeof(run));
    loom_session_destroy(s);

    /* Its row says so: its script alone does not make it again. */
    struct loom_store_run r;
    struct loom_store *store =
        loom_store_open(dir, LOOM_STORE_READ, NULL, NULL);
    assert_non_null(store);
    assert_ok(loom_store_get(store, run, &r, e));
    assert_true(r.steered);
    assert_fails(loom_session_can_again(&r, e), LOOM_ERR_ARG, "by hand");
    loom_store_run_deinit(&r);
    loom_store_close(store);
}

static void test_rollback(void **state)
{
    (void)state;
    struct loom_session *s = open_session();
    until_epoch(s, 6);
    const struct loom_view *v = paused(s);
    float ebops = v->train.ebops;
    assert_true(v->train.n_front > 0);
    struct loom_train_front p = v->train.front[0];
    for (int k = 1; k < v->train.n_front; k++)
        p = v->train.front[k].epoch < p.epoch ? v->train.front[k] : p;
    send(s, LOOM_CMD_ROLLBACK, 100000, "");
    until_said(s, "no point of epoch 100000");
    send(s, LOOM_CMD_ROLLBACK, p.epoch, "");
    v = until_said(s, "back at the parameters");
    assert_true(v->train.ebops == p.ebops);
    assert_true(v->train.epoch >= 6); /* the clock goes on */
    int front = v->train.n_front;
    send(s, LOOM_CMD_UNDO, 0, "");
    v = until_said(s, "taken back");
    assert_true(fabsf(v->train.ebops / ebops - 1) < 0.1f);
    assert_int_equal(v->train.n_front, front);
    int epoch = v->train.epoch;
    send(s, LOOM_CMD_RESUME, 0, "");
    until_epoch(s, epoch + 2);
    loom_session_destroy(s);
}

/* A new run with a parent; the old one stays as it was, and can be gone on
 * with. */
static void test_branch(void **state)
{
    (void)state;
    struct loom_session *s = open_session();
    struct loom_store_run run;
    until_epoch(s, 6);
    const struct loom_view *v = paused(s);
    struct loom_train_front p = v->train.front[0];
    for (int k = 1; k < v->train.n_front; k++)
        p = v->train.front[k].epoch < p.epoch ? v->train.front[k] : p;
    char old[48];
    memcpy(old, v->train.run, sizeof(old));
    send(s, LOOM_CMD_BRANCH, 100000, "");
    v = until_said(s, "no point of epoch 100000");
    assert_string_equal(v->train.run, old);
    send(s, LOOM_CMD_BRANCH, p.epoch, "");
    v = until_said(s, "branches from");
    assert_string_not_equal(v->train.run, old);
    assert_true(v->train.epoch == p.epoch && v->train.n_front == 0);
    assert_true(v->train.ebops == p.ebops);
    send(s, LOOM_CMD_SCALE_BETA, 2, "");
    send(s, LOOM_CMD_RESUME, 0, "");
    v = until_epoch(s, p.epoch + 3);
    assert_true(v->train.n_front > 0);
    char new[48];
    memcpy(new, v->train.run, sizeof(new));
    loom_session_destroy(s);

    struct loom_errmsg why;
    int err;
    struct loom_store *store =
        loom_store_open(dir, LOOM_STORE_READ, &err, &why);
    assert_non_null(store);
    assert_ok(loom_store_get(store, new, &run, e));
    assert_string_equal(run.parent, old);
    assert_true(run.state == LOOM_RUN_STOPPED && run.epochs >= p.epoch + 3);
    loom_store_run_deinit(&run);
    assert_ok(loom_store_get(store, old, &run, e));
    assert_true(run.state == LOOM_RUN_STOPPED && run.n_points > 0);
    loom_store_run_deinit(&run);
    loom_store_close(store);
}

static int set_up(void **state)
{
    (void)state;
    struct loom_errmsg e;
    if (!mkdtemp(dir))
        return -1;
    snprintf(script, sizeof(script), "%s/small.lua", dir);
    return loom_file_write(script, text, strlen(text), &e);
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

/* Views until the console's last line has these words and nothing runs. */
static const struct loom_console_view *until_line(struct loom_session *s,
                                                  const char *words)
{
    for (;;) {
        next_view(s);
        const struct loom_console_view *v = loom_session_look_console(s);
        if (v && v->n && !v->busy && strstr(v->line[v->n - 1].text, words))
            return v;
    }
}

static void eval(struct loom_session *s, const char *line)
{
    send(s, LOOM_CMD_EVAL, 0, line);
}

/* Lua between two batches: values, the script's own locals, errors with their
 * place, lines that go on, one that never ends, steering. */
static void test_console(void **state)
{
    (void)state;
    struct loom_session *s = open_session();
    until_epoch(s, 1);
    assert_null(loom_session_look_console(s));
    eval(s, "21 * 2");
    const struct loom_console_view *v = until_line(s, "42");
    assert_int_equal(v->line[v->n - 1].kind, LOOM_CONSOLE_OUTPUT);
    assert_int_equal(v->line[v->n - 2].kind, LOOM_CONSOLE_INPUT);
    eval(s, "#model.layers, data.outputs, bit.k0");
    until_line(s, "0");
    eval(s, "x = nil + 1");
    v = until_line(s, "console:1: attempt to perform arithmetic");
    assert_int_equal(v->line[v->n - 1].kind, LOOM_CONSOLE_ERROR);
    eval(s, "run.layerz");
    until_line(s, "no field \"layerz\"");
    eval(s, "error({})");
    until_line(s, "no text");
    eval(s, "loom.train{model = model, data = data}");
    until_line(s, "not from the console");
    eval(s, "for k = 1, 3 do");
    while (!(v = until_line(s, "for k"))->more)
        continue;
    eval(s, "print(k, 'of', 3) end");
    v = until_line(s, "3       of      3");
    assert_true(!v->more && v->line[v->n - 1].number == (uint64_t)v->n);
    eval(s, "while true do pcall(error) end");
    do {
        next_view(s);
        v = loom_session_look_console(s);
    } while (!v->busy);
    loom_session_stop_console(s);
    v = until_line(s, "interrupted");
    assert_string_equal(v->line[v->n - 1].text, "interrupted");
    eval(s, "print(run.epoch > 0, run.state, run:set('beta', 2 * run.beta))");
    until_line(s, "true    running");
    eval(s, "ui.action('layer', 2)");
    do {
        next_view(s);
        v = loom_session_look_console(s);
    } while (!v->n_actions);
    assert_string_equal(v->action[0].text, "layer 2");
    send(s, LOOM_CMD_COMPLETE, 7, "print(run.val_m");
    do {
        next_view(s);
        v = loom_session_look_console(s);
    } while (v->completed < 7);
    assert_string_equal(v->completion, "etric");
    eval(s, "run:pause()");
    while (next_view(s)->train.state != LOOM_TRAIN_PAUSED)
        continue;
    eval(s, "x = = 1");
    until_line(s, "unexpected symbol");
    eval(s, "runs()[1].state");
    until_line(s, "running");
    eval(s, "('x'):rep(1000)");
    v = until_line(s, "xxx");
    assert_true(strlen(v->line[v->n - 1].text) < LOOM_CONSOLE_CHARS);
    loom_session_destroy(s);
}

/* The data: nothing until they are asked for, then the rows wanted. */
static void test_data(void **state)
{
    (void)state;
    struct loom_session *s = open_session();
    struct loom_command c = {.kind = LOOM_CMD_WATCH_DATA,
                             .data = {true, LOOM_TEST, 395, 340}};
    const struct loom_data_view *v;
    until_epoch(s, 1);
    assert_null(loom_session_look_data(s));
    assert_true(loom_session_send(s, &c));
    do
        next_view(s);
    while (!(v = loom_session_look_data(s)));
    assert_int_equal(v->summary->n_in, 350);
    assert_int_equal(v->summary->rows[LOOM_TRAIN], 2000);
    assert_true(v->part == LOOM_TEST && v->row == 395 && v->n_rows == 5);
    assert_true(v->col == 340 && v->n_cols == 10);
    for (int k = 0; k < v->n_cols; k++)
        assert_true(v->x[0][k] >= v->summary->feature[340 + k].low &&
                    v->x[0][k] <= v->summary->feature[340 + k].high);
    const struct loom_data_summary *first = v->summary;
    c.data = (struct loom_data_watch){true, LOOM_VAL, 99999, 99999};
    assert_true(loom_session_send(s, &c));
    do {
        next_view(s);
        v = loom_session_look_data(s);
    } while (v->part != LOOM_VAL);
    assert_true(v->row == 399 && v->n_rows == 1 && v->n_cols == 1);
    assert_ptr_equal(v->summary, first); /* measured once */
    loom_session_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch),    cmocka_unit_test(test_step),
        cmocka_unit_test(test_steering), cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_branch),   cmocka_unit_test(test_console),
        cmocka_unit_test(test_data),     cmocka_unit_test(test_beside),
        cmocka_unit_test(test_forecast)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
