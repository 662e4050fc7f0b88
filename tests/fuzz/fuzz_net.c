#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/exact.h"
#include "engine/mem.h"
#include "tests/fuzz/fuzz.h"

static const char *const seeds[] = {
    "{\"schema\":\"bitloom/net/1\",\"inputs\":[2],\"output\":3,\"nodes\":["
    "{\"op\":\"input\",\"name\":\"a/iq\",\"input\":0,\"n\":2,"
    "\"round\":\"RND\",\"overflow\":\"WRAP\",\"format\":[[1,2,3],[0,1,-1]]},"
    "{\"op\":\"linear\",\"name\":\"a\",\"input\":0,\"n\":3,\"block\":3,"
    "\"weights\":[[0,0,5,3],[1,2,-7,-2]],\"bias\":[[1,3,4]]},"
    "{\"op\":\"relu\",\"name\":\"a/relu\",\"input\":1,\"n\":3},"
    "{\"op\":\"quantize\",\"name\":\"a/oq\",\"input\":2,\"n\":3,"
    "\"round\":\"RND_CONV\",\"overflow\":\"SAT_SYM\","
    "\"format\":[[1,2,1],[1,2,1],[0,0,0]]}]}",
    "{\"schema\":\"bitloom/net/1\",\"inputs\":[1,1],\"output\":2,\"nodes\":["
    "{\"op\":\"input\",\"name\":\"x\",\"input\":0,\"n\":1,\"round\":\"TRN\","
    "\"overflow\":\"SAT\",\"format\":[[1,30,31]]},"
    "{\"op\":\"input\",\"name\":\"y\",\"input\":1,\"n\":1,\"round\":\"TRN\","
    "\"overflow\":\"SAT\",\"format\":[[0,-900,905]]},"
    "{\"op\":\"linear\",\"name\":\"d\",\"input\":0,\"n\":1,\"block\":1,"
    "\"weights\":[[0,0,1,-900]],\"bias\":[[0,-1,-900]]}]}",
    /* Every operation, moved inputs, two outputs. */
    "{\"schema\":\"bitloom/net/1\",\"inputs\":[2,3],\"output\":5,"
    "\"outputs\":[[\"p\",2],[\"t\",1]],\"nodes\":["
    "{\"op\":\"input\",\"name\":\"q\",\"input\":0,\"n\":3,\"from\":[4,0,4],"
    "\"round\":\"RND\",\"overflow\":\"SAT\","
    "\"format\":[[1,1,1],[0,2,0],[1,0,1]]},"
    "{\"op\":\"max\",\"name\":\"m\",\"input\":0,\"n\":2,"
    "\"weights\":[[0,0,1,0],[2,0,1,0],[1,1,1,0]]},"
    "{\"op\":\"mul\",\"name\":\"p\",\"input\":[0,1],\"n\":1,"
    "\"weights\":[[1,0,1,0],[3,0,1,0]]},"
    "{\"op\":\"quantize\",\"name\":\"p/q\",\"input\":2,\"n\":1,"
    "\"round\":\"RND_ZERO\",\"overflow\":\"WRAP\",\"format\":[[1,1,0]]},"
    "{\"op\":\"table\",\"name\":\"t\",\"input\":3,\"n\":1,"
    "\"table\":[[2,5,-1,0,7]]},"
    "{\"op\":\"linear\",\"name\":\"o\",\"input\":[1,4],\"n\":3,\"block\":1,"
    "\"weights\":[[0,0,1,0],[1,1,1,0],[2,2,1,0]],\"bias\":[]}]}",
};

size_t fuzz_seed(size_t i, uint8_t *to)
{
    if (i >= sizeof(seeds) / sizeof(*seeds))
        return 0;
    size_t n = strlen(seeds[i]);
    memcpy(to, seeds[i], n);
    struct loom_errmsg e;
    struct loom_exact *net = loom_exact_load(fuzz_file(to, n), &e);
    if (!net) {
        fprintf(stderr, "seed %zu: %s\n", i, e.text);
        abort(); /* a search that starts at rubbish stays there */
    }
    loom_exact_destroy(net);
    return n;
}

/* Two rows: everything lowest, everything highest. */
static void run(const struct loom_exact *net)
{
    int64_t *q = loom_calloc(2 * net->in_size + 1, sizeof(*q));
    int64_t *y = loom_calloc(2 * net->out_size, sizeof(*y));
    size_t at = 0;
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        for (size_t j = 0; d->op == LOOM_EXACT_INPUT && j < d->n; j++, at++) {
            q[at] = d->elem[j].lo;
            q[net->in_size + at] = d->elem[j].hi;
        }
    }
    loom_exact_run(net, q, 2, y);
    for (size_t j = 0; j < 2 * net->out_size; j++) {
        const struct loom_exact_elem *x =
            &net->nodes[net->output].elem[j % net->out_size];
        if (y[j] < x->lo || y[j] > x->hi)
            abort(); /* intervals are a promise */
    }
    free(q);
    free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loom_errmsg e;
    struct loom_exact *net = loom_exact_load(fuzz_file(data, n), &e);
    if (net) {
        run(net);
        json_decref(loom_exact_to_json(net));
    }
    loom_exact_destroy(net);
    return 0;
}
