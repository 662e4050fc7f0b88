/* A run of the store made again from its row: the script's text, settings,
 * seed and folder as they were, the same data, and then the same weights. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

char *loom_session_recipe(const struct loom_session *s)
{
    char *folder = getcwd(NULL, 0);
    json_t *j = json_pack("{s:i}", "training", s->n_trained);
    if (folder) /* left out where it is no UTF-8 */
        json_object_set_new(j, "folder", json_string(folder));
    if (s->conf.epochs > 0)
        json_object_set_new(j, "epochs", json_integer(s->conf.epochs));
    if (s->conf.seed >= 0)
        json_object_set_new(j, "seed", json_integer(s->conf.seed));
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    free(folder);
    return text;
}

int loom_session_can_again(const struct loom_store_run *r,
                           struct loom_errmsg *e)
{
    if (strcmp(r->version, LOOM_VERSION) != 0)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s is of bitloom %s, and this is %s, whose numbers "
                         "may differ; use that one",
                         r->id, r->version, LOOM_VERSION);
    if (r->parent[0])
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s begins with parameters of %s: its script alone "
                         "does not make it again",
                         r->id, r->parent);
    if (r->steered)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s was changed by hand while it trained: its script "
                         "alone does not make it again",
                         r->id);
    if (r->state != LOOM_RUN_DONE)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s has not come to its end; go on with it first: "
                         "bitloom run %s --resume %s",
                         r->id, r->script, r->id);
    if (!r->weights[0] || !r->recipe[0])
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s is of an earlier bitloom, which did not note down "
                         "what that takes",
                         r->id);
    return 0;
}

/* The training of the script that made the run. */
static bool is_the_one(const struct loom_session *s)
{
    json_t *j = json_loads(s->conf.again->recipe, 0, NULL);
    json_int_t n = json_integer_value(json_object_get(j, "training"));
    json_decref(j);
    return s->n_trained == n;
}

int loom_session_check_again(const struct loom_session *s,
                             const struct loom_train_request *r,
                             struct loom_errmsg *e)
{
    const struct loom_store_run *a = s->conf.again;
    uint32_t hash;
    if (!a || !is_the_one(s) ||
        (hash = loom_dataset_hash(r->data)) == a->data_hash)
        return 0;
    return loom_fail(e, LOOM_ERR_ARG,
                     "%s was trained on other data (%08" PRIx32
                     ", now %08" PRIx32 "); bring its files back",
                     a->id, a->data_hash, hash);
}

int loom_session_end_again(struct loom_session *s, struct loom_errmsg *e)
{
    const struct loom_store_run *a = s->conf.again;
    const char *weights = s->view.train.weights;
    if (!a || !is_the_one(s))
        return 0;
    bool same = !strcmp(weights, a->weights);
    char *note = loom_asprintf("%s made again: %s weights", a->id,
                               same ? "the same" : "other");
    struct loom_errmsg ignored;
    loom_store_set_note(s->store, s->run, note, &ignored);
    free(note);
    s->again = same ? SESSION_AGAIN_SAME : SESSION_AGAIN_OTHER;
    s->stop = true; /* what else the script does is of no interest */
    return loom_fail(e, LOOM_ERR_CANCELLED, "%s is made again", a->id);
}

int loom_session_judge_again(const struct loom_session *s, int err,
                             struct loom_errmsg *e)
{
    const struct loom_store_run *a = s->conf.again;
    if (s->again == SESSION_AGAIN_SAME)
        return 0;
    if (s->again == SESSION_AGAIN_OTHER)
        return loom_fail(e, LOOM_ERR_MISMATCH,
                         "%s ended with the weights %s, and %s, the same made "
                         "again, with %s",
                         a->id, a->weights, s->run, s->view.train.weights);
    if (a && !err)
        return loom_fail(e, LOOM_ERR_MISMATCH,
                         "%s: its script did not come to the training that "
                         "made it",
                         a->id);
    return err;
}
