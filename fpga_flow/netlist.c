#include "fpga_flow/netlist.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/target.h"
#include "fpga_flow/tool.h"

enum { MAX_BYTES = 1 << 30 };

static bool keep_error(void *ctx, const char *line, bool err)
{
    (void)err;
    if (!strncmp(line, "ERROR", 5))
        snprintf(ctx, 160, "%s", line);
    return true;
}

/* The Yosys that goes with the family's nextpnr. */
static int find_yosys(const struct loom_family *f, char path[PATH_MAX],
                      struct loom_errmsg *e)
{
    char mate[PATH_MAX];
    if (loom_tool_find(f->nextpnr, mate, sizeof(mate), NULL))
        return loom_tool_find("yosys", path, PATH_MAX, e);
    return loom_tool_find_beside(mate, "yosys", path, PATH_MAX, e);
}

/* Run the family's synthesis with an option, then a command. */
static int synthesize(const struct loom_netlist *n, const char *yosys,
                      const char *option, const char *then,
                      struct loom_errmsg *e)
{
    char last[160] = "no message";
    char *script =
        loom_asprintf("read_verilog %s; %s %s -top %s; %s", n->core,
                      loom_target_synth(n->d), option, n->d->name, then);
    const char *const argv[] = {yosys, "-p", script, NULL};
    int err = loom_tool_run(&(struct loom_tool){.argv = argv,
                                                .dir = n->dir,
                                                .log = n->log,
                                                .timeout_s = n->timeout_s,
                                                .cancel = n->cancel,
                                                .line = keep_error,
                                                .ctx = last},
                            e);
    free(script);
    return err > 0 ? loom_fail(e, LOOM_ERR_TOOL, "yosys: exit status %d: %s",
                               err, last)
                   : err;
}

int loom_netlist_layers(const struct loom_netlist *n, struct loom_errmsg *e)
{
    char yosys[PATH_MAX];
    int err = find_yosys(n->d->family, yosys, e);
    return err ? err
               : synthesize(n, yosys, "-noflatten", "write_json netlist.json",
                            e);
}

/* ---- models ------------------------------------------------------------- */

/* The vendor's models, which lie in Yosys' share folder; fresh memory. */
static char *read_models(const struct loom_family *f, const char *yosys,
                         struct loom_errmsg *e)
{
    static const char *const places[] = {"../share", "../usr/share"};
    void *text = NULL;
    size_t size;
    char real[PATH_MAX];
    if (!realpath(yosys, real))
        snprintf(real, sizeof(real), "%s", yosys);
    char *slash = strrchr(real, '/');
    *(slash ? slash : real) = 0;
    for (int i = 0; i < 2 && !text; i++) {
        char *path = loom_asprintf("%s/%s/yosys/%s/cells_sim.v", real,
                                   places[i], f->name);
        if (loom_file_read(path, MAX_BYTES, &text, &size, i ? e : NULL))
            text = NULL;
        free(path);
    }
    return text;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Where `word` stands by itself in text; NULL if nowhere. */
static const char *find_word(const char *text, const char *word, size_t n)
{
    for (const char *at = text; (at = strstr(at, word)); at++)
        if ((at == text || !is_word(at[-1])) && !is_word(at[n]))
            return at;
    return NULL;
}

/* The next "module NAME ... endmodule" from *at on; false if there is none. */
static bool next_module(const char **at, const char **name, size_t *n,
                        const char **end)
{
    for (const char *m = *at; (m = find_word(m, "module", 6)); m += 6) {
        if (m > *at && m[-1] != '\n')
            continue;
        const char *stop = find_word(m, "endmodule", 9);
        if (!stop)
            return false;
        *at = m;
        for (m += 6; *m == ' '; m++)
            ;
        for (*name = m, *n = 0; is_word(m[*n]);)
            ++*n;
        *end = stop + 9;
        return true;
    }
    return false;
}

/* text, taken over, and behind it the models that it uses, and those that they
 * use. What stands before the first (macros) leads them. */
static char *append_models(char *text, const char *models)
{
    enum { MAX = 512 };
    bool taken[MAX] = {false}, more = true;
    const char *name, *end, *at = models;
    size_t n;
    char *all;
    if (next_module(&at, &name, &n, &end)) {
        /* Not every simulator knows defaults of inputs. */
        all = loom_asprintf("`define NO_ICE40_DEFAULT_ASSIGNMENTS\n%.*s\n%s",
                            (int)(at - models), models, text);
        free(text);
        text = all;
    }
    while (more) {
        more = false;
        at = models;
        for (int i = 0; i < MAX && next_module(&at, &name, &n, &end);
             i++, at = end) {
            char *word = loom_asprintf("%.*s", (int)n, name);
            if (!taken[i] && find_word(text, word, n)) {
                all = loom_asprintf("%s%.*s\n", text, (int)(end - at), at);
                free(text);
                text = all;
                taken[i] = more = true;
            }
            free(word);
        }
    }
    return text;
}

int loom_netlist_write(const struct loom_netlist *n, struct loom_errmsg *e)
{
    char yosys[PATH_MAX];
    void *text = NULL;
    size_t size;
    int err = find_yosys(n->d->family, yosys, e);
    if (!err)
        err = synthesize(n, yosys, "", "write_verilog -noattr netlist.v", e);
    if (err)
        return err;
    char *path = loom_asprintf("%s/netlist.v", n->dir);
    char *models = read_models(n->d->family, yosys, e);
    err = models ? loom_file_read(path, MAX_BYTES, &text, &size, e)
                 : LOOM_ERR_MISSING;
    if (!err) {
        text = append_models(text, models);
        err = loom_file_write(path, text, strlen(text), e);
    }
    free(text);
    free(models);
    free(path);
    return err;
}
