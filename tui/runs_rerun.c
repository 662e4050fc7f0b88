#include "tui/runs_rerun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/mem.h"
#include "tui/cli.h"
#include "tui/run_job.h"

/* As it was called when the run was made; its folder may be gone by now. */
static void as_it_was(const struct loom_store_run *r, struct args *a)
{
    json_t *recipe = json_loads(r->recipe, 0, NULL);
    const char *folder = json_string_value(json_object_get(recipe, "folder"));
    if (folder && chdir(folder) < 0)
        fprintf(stderr, "bitloom: %s, where it ran: %s\n", folder,
                strerror(errno));
    a->conf.script = r->script;
    a->conf.epochs = (int)json_integer_value(json_object_get(recipe, "epochs"));
    const json_t *seed = json_object_get(recipe, "seed");
    a->conf.seed = seed ? json_integer_value(seed) : -1;
    json_decref(recipe);
}

int runs_rerun(const struct loom_store_run *r, const char *store, int threads,
               bool json)
{
    struct loom_train_view *last = loom_calloc(1, sizeof(*last));
    json_t *settings = json_loads(r->settings, 0, NULL);
    const json_t *set = json_object_get(settings, "set");
    const char *device = json_string_value(json_object_get(settings, "device"));
    char *out = realpath(store, NULL);
    struct args a = {.quiet = json};
    a.set = loom_calloc(json_array_size(set) + 1, sizeof(*a.set));
    for (size_t k = 0; k < json_array_size(set); k++)
        a.set[k] = json_string_value(json_array_get(set, k));
    a.conf = (struct loom_session_conf){.set = a.set,
                                        .out = out,
                                        .device = device,
                                        .threads = threads,
                                        .again = r};
    as_it_was(r, &a);
    int status = run_job(&a, (struct run_size){0}, last);
    bool same = status == CLI_DONE;
    if (json && last->weights[0])
        cli_print_json(json_pack(
            "{ss ss ss sb ss}", "schema", "bitloom/rerun/1", "run", r->id,
            "again", last->run, "same", same, "weights", last->weights));
    else if (same)
        printf("%s again as %s: the same weights, %s\n", r->id, last->run,
               last->weights);
    args_deinit(&a);
    free(out);
    json_decref(settings);
    free(last);
    return status;
}
