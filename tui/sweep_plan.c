#include "tui/sweep_plan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/sha256.h"
#include "tui/array_job.h"

enum { MAX_VARIANTS = 10000, MAX_SCRIPT = 1 << 24 };

static int hash_file(const char *path, char hex[65], struct loom_errmsg *e)
{
    void *data = NULL;
    size_t n = 0;
    int err = loom_file_read(path, MAX_SCRIPT, &data, &n, e);
    if (!err)
        loom_sha256(data, n, hex);
    free(data);
    return err;
}

/* The variants of a list, each with every value of "key=v1,v2"; NULL where
 * that is no UTF-8. */
static json_t *multiply(json_t *steal, const char *set)
{
    json_t *out = json_array();
    int key = (int)strcspn(set, "="), bad = 0;
    for (size_t i = 0; i < json_array_size(steal); i++)
        for (const char *v = set + key; *v; v += strcspn(v, ",")) {
            json_t *one = json_deep_copy(json_array_get(steal, i));
            v++;
            char *text =
                loom_asprintf("%.*s=%.*s", key, set, (int)strcspn(v, ","), v);
            bad |= json_array_append_new(json_object_get(one, "set"),
                                         json_string(text));
            json_array_append_new(out, one);
            free(text);
        }
    json_decref(steal);
    if (bad)
        json_decref(out);
    return bad ? NULL : out;
}

static json_t *times_seeds(json_t *steal, int seeds)
{
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(steal); i++)
        for (int k = 1; k <= seeds; k++) {
            json_t *one = json_deep_copy(json_array_get(steal, i));
            json_object_set_new(one, "seed", json_integer(k));
            json_array_append_new(out, one);
        }
    json_decref(steal);
    return out;
}

json_t *sweep_plan_make(const struct args *a, int seeds, struct loom_errmsg *e)
{
    const struct loom_session_conf *c = &a->conf;
    char *script = realpath(c->script, NULL), hex[65];
    if (!script || hash_file(script, hex, e)) {
        if (!script)
            loom_fail(e, LOOM_ERR_MISSING, "%s: %s", c->script,
                      strerror(errno));
        free(script);
        return NULL;
    }
    json_t *all = json_pack("[{s:[],s:I}]", "set", "seed", (json_int_t)c->seed);
    for (size_t k = 0; a->set[k] && json_array_size(all) <= MAX_VARIANTS && all;
         k++)
        all = multiply(all, a->set[k]);
    if (seeds && all)
        all = times_seeds(all, seeds);
    size_t n = json_array_size(all);
    json_t *plan =
        json_pack("{s:s,s:s,s:s,s:i,s:s,s:o}", "schema", "bitloom/sweep-plan/1",
                  "script", script, "sha256", hex, "epochs", c->epochs,
                  "device", c->device ? c->device : "", "variants", all);
    free(script);
    if (plan && n <= MAX_VARIANTS)
        return plan;
    if (plan)
        loom_fail(e, LOOM_ERR_ARG, "%zu variants: at most %d are swept", n,
                  MAX_VARIANTS);
    else
        loom_fail(e, LOOM_ERR_ARG,
                  "names of the script, of settings and their values: expected "
                  "UTF-8");
    json_decref(plan);
    return NULL;
}

json_t *sweep_plan_read(const char *dir, struct loom_errmsg *e)
{
    json_error_t je;
    char *path = loom_asprintf("%s/sweep.json", dir);
    json_t *o = json_load_file(path, 0, &je);
    if (!o || !json_is_array(json_object_get(o, "variants")) ||
        !json_is_string(json_object_get(o, "script"))) {
        loom_fail(e, o ? LOOM_ERR_FORMAT : LOOM_ERR_MISSING,
                  "%s: not the plan of a sweep: %s", path,
                  o ? "script or variants are missing" : je.text);
        json_decref(o);
        o = NULL;
    }
    free(path);
    return o;
}

int sweep_plan_settle(const char *dir, json_t *wanted, struct loom_errmsg *e)
{
    char *path = loom_asprintf("%s/sweep.json", dir);
    int err = 0;
    if (access(path, F_OK)) {
        err = array_write_script(dir, "sweep", e);
        if (!err)
            err = array_write_json(path, json_incref(wanted), e);
    } else {
        json_t *old = sweep_plan_read(dir, e);
        if (!old)
            err = LOOM_ERR_FORMAT;
        else if (!json_equal(old, wanted))
            err = loom_fail(e, LOOM_ERR_ARG,
                            "%s: of another sweep (script, variants or "
                            "options differ); choose another folder with -o",
                            path);
        json_decref(old);
    }
    free(path);
    return err;
}

int sweep_plan_check_script(const json_t *plan, struct loom_errmsg *e)
{
    char hex[65];
    const char *script = array_word(plan, "script");
    int err = hash_file(script, hex, e);
    if (!err && strcmp(hex, array_word(plan, "sha256")))
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s has changed since the sweep began; choose another "
                        "folder with -o",
                        script);
    return err;
}
