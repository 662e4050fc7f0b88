/* Runs that another process made in a store of its own, on another machine
 * perhaps, taken into this one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/store_impl.h"

/* ---- files --------------------------------------------------------------- */

static int copy_file(const char *from, const char *to, struct loom_errmsg *e)
{
    void *data = NULL;
    size_t n;
    unlink(to);
    if (!link(from, to))
        return 0;
    int err = loom_file_read(from, (size_t)1 << 32, &data, &n, e);
    if (!err)
        err = loom_file_write(to, data, n, e);
    free(data);
    return err;
}

/* The plain files of a folder; folders within it (builds) stay behind. */
static int copy_files(const char *from, const char *to, struct loom_errmsg *e)
{
    int err = loom_file_mkdirs(to, e);
    DIR *d = opendir(from);
    if (!err && !d)
        err = loom_fail(e, LOOM_ERR_IO, "%s: %s", from, strerror(errno));
    for (struct dirent *f; !err && (f = readdir(d));) {
        if (f->d_type != DT_REG)
            continue;
        char *a = loom_asprintf("%s/%s", from, f->d_name);
        char *b = loom_asprintf("%s/%s", to, f->d_name);
        err = copy_file(a, b, e);
        free(a);
        free(b);
    }
    if (d)
        closedir(d);
    return err;
}

/* ---- rows ---------------------------------------------------------------- */

/* The run that has this tag; "" if none has. */
static int find_tag(struct loom_store *s, const char *tag, char id[LOOM_RUN_ID],
                    struct loom_errmsg *e)
{
    const struct loom_store_filter f = {.state = -1, .tag = tag};
    struct loom_store_run *runs = NULL;
    size_t n = 0;
    int err = loom_store_list(s, &f, &runs, &n, e);
    snprintf(id, LOOM_RUN_ID, "%s", n ? runs[0].id : "");
    loom_store_runs_free(runs, n);
    return err;
}

/* As this store has them, from the database attached as "other". */
static int copy_rows(struct loom_store *s, const char *run, const char *id,
                     const char *tag, struct loom_errmsg *e)
{
    static const char *const rows[] = {
        "INSERT INTO main.epochs SELECT ?, epoch, loss, val_loss, val_metric,"
        " ebops, beta, lr, seconds, more1, more2, more3 FROM other.epochs"
        " WHERE run = ?",
        "INSERT INTO main.points SELECT ?, epoch, val_metric, ebops,"
        " checkpoint, live FROM other.points WHERE run = ?"};
    int n = loom_store_change(
        s, e,
        "INSERT OR IGNORE INTO main.scripts(text) SELECT t.text"
        " FROM other.runs r JOIN other.scripts t ON t.id = r.script_id"
        " WHERE r.id = ?",
        "t", run);
    if (n < 0)
        return n;
    n = loom_store_change(
        s, e,
        "INSERT INTO main.runs(id, dir, script, script_id, settings, parent,"
        " metric, unit, lower_is_better, seed, data_hash, version, state,"
        " reason, started, ended, tags, note, host, pid, recipe, steered,"
        " weights)"
        " SELECT ?, ?, script, (SELECT m.id FROM main.scripts m"
        " JOIN other.scripts t ON t.text = m.text WHERE t.id = script_id),"
        " settings, '', metric, unit,"
        " lower_is_better, seed, data_hash, version, state, reason, started,"
        " ended, ?, note, host, pid, recipe, steered, weights"
        " FROM other.runs WHERE id = ?",
        "tttt", id, id, tag, run);
    for (size_t k = 0; n >= 0 && k < sizeof(rows) / sizeof(*rows); k++)
        n = loom_store_change(s, e, rows[k], "tt", id, run);
    return n < 0 ? n : 0;
}

/* Bring the other store up to date, and see that its run has ended. */
static int check(const char *from, const char *run, struct loom_store_run *out,
                 struct loom_errmsg *e)
{
    int err = 0;
    struct loom_store *o = loom_store_open(from, LOOM_STORE_WRITE, &err, e);
    if (!o)
        return err;
    err = loom_store_get(o, run, out, e);
    if (!err && out->state == LOOM_RUN_RUNNING) {
        err = loom_fail(e, LOOM_ERR_BUSY, "%s in %s: it is running", run, from);
        loom_store_run_deinit(out);
    }
    loom_store_close(o);
    return err;
}

static int take(struct loom_store *s, const struct loom_store_run *r,
                const char *tag, char id[LOOM_RUN_ID], struct loom_errmsg *e)
{
    char name[LOOM_RUN_ID];
    snprintf(name, sizeof(name), "%s", r->id);
    char *number = strrchr(name, '-');
    if (number)
        *number = 0;
    int err = loom_store_begin(s, e);
    if (err)
        return err;
    err = loom_store_next_id(s, name, id, e);
    if (!err)
        err = copy_rows(s, r->id, id, tag, e);
    if (!err) {
        char *to = loom_asprintf("%s/%s", s->dir, id);
        err = copy_files(r->dir, to, e);
        free(to);
    }
    return loom_store_finish(s, err, e);
}

int loom_store_adopt(struct loom_store *s, const char *from, const char *run,
                     const char *tag, char id[LOOM_RUN_ID],
                     struct loom_errmsg *e)
{
    struct loom_store_run r;
    int err = find_tag(s, tag, id, e);
    if (err || id[0])
        return err;
    err = check(from, run, &r, e);
    if (err)
        return err;
    char *db = loom_asprintf("%s/bitloom.db", from);
    err = loom_store_change(s, e, "ATTACH ? AS other", "t", db);
    if (err >= 0) {
        struct loom_errmsg ignored;
        err = take(s, &r, tag, id, e);
        loom_store_change(s, &ignored, "DETACH other", "");
    }
    loom_store_run_deinit(&r);
    free(db);
    return err < 0 ? err : 0;
}
