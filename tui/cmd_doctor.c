/* bitloom doctor: what is installed, which versions, what is missing and what
 * to type. */
#include "tui/commands.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <lua.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sqlite3.h>
#include <zip.h>
#include <zlib.h>

#include "engine/folder.h"
#include "engine/kernels.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "fpga_flow/tool.h"
#include "tui/cli.h"

enum { VERSION = 80, PATH = 512 };

struct tool {
    const char *name, *version_option, *package, *purpose;
    bool optional;
};

static const struct tool tools[] = {
    {"yosys", "-V", "yosys", "synthesis", false},
    {"nextpnr-ice40", "--version", "nextpnr-ice40", "place and route", false},
    {"icepack", NULL, "fpga-icestorm", "bitstreams", false},
    {"verilator", "--version", "verilator", "simulation", false},
    {"iverilog", "-V", "iverilog", "the second simulator", false},
    {"g++", "--version", "g++", "what Verilator compiles with", false},
    {"make", "--version", "make", "what Verilator compiles with", false},
    {"nextpnr-ecp5", "--version", "nextpnr-ecp5",
     "ECP5 devices: ./run install-ecp5", true},
    {"ecppack", "--version", "fpga-trellis",
     "ECP5 bitstreams: ./run install-ecp5", true},
    {"iceprog", NULL, "fpga-icestorm", "iCE40 boards", true},
    {"openFPGALoader", "-V", "openfpgaloader", "other boards", true},
    {"curl", "--version", "curl", "bitloom fetch", true},
    {"tmux", "-V", "tmux", "the tests of the screen", true},
};
enum { N_TOOLS = sizeof(tools) / sizeof(tools[0]) };

struct finding {
    bool found, works;
    char path[PATH], version[VERSION];
};

/* ---- tools ---- */

/* The first line that is not empty, of either stream. */
static bool take_line(void *ctx, const char *line, bool err)
{
    char *version = ctx;
    (void)err;
    if (!version[0])
        snprintf(version, VERSION, "%s", line);
    return true;
}

/* A tool that is there but cannot say its version within 5 s is broken: a
 * library of it is missing, or it hangs. */
static void look_for(const struct tool *t, struct finding *f)
{
    *f = (struct finding){0};
    f->found = loom_tool_find(t->name, f->path, sizeof(f->path), NULL) == 0;
    f->works = f->found;
    if (!f->found)
        f->path[0] = 0;
    if (!f->found || !t->version_option)
        return;
    const char *const argv[] = {f->path, t->version_option, NULL};
    const struct loom_tool run = {
        .argv = argv, .timeout_s = 5, .line = take_line, .ctx = f->version};
    f->works = loom_tool_run(&run, NULL) == 0;
}

static bool all_there(const struct finding f[N_TOOLS])
{
    for (int i = 0; i < N_TOOLS; i++)
        if (!f[i].works && !tools[i].optional)
            return false;
    return true;
}

/* "apt-get install a b", or "" when nothing that is needed is missing. */
static void what_to_type(const struct finding f[N_TOOLS], char *out,
                         size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < N_TOOLS && n < size; i++)
        if (!f[i].works && !tools[i].optional)
            n += (size_t)snprintf(out + n, size - n, "%s %s",
                                  n ? "" : "apt-get install", tools[i].package);
}

/* ---- the rest ---- */

/* Libraries are linked, so they are there: which versions. */
static json_t *libraries(void)
{
    char pcre[64] = "";
    pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    return json_pack("{ss ss ss ss ss ss}", "jansson", jansson_version_str(),
                     "libzip", zip_libzip_version(), "lua", LUA_RELEASE,
                     "pcre2", pcre, "sqlite", sqlite3_libversion(), "zlib",
                     zlibVersion());
}

static json_t *cpu(void)
{
    json_t *features = json_array();
#if defined(__x86_64__)
    __builtin_cpu_init();
#define FEATURE(name)                                                          \
    if (__builtin_cpu_supports(name))                                          \
    json_array_append_new(features, json_string(name))
    FEATURE("sse4.2");
    FEATURE("avx");
    FEATURE("avx2");
    FEATURE("fma");
    FEATURE("avx512f");
    FEATURE("avx512vl");
#undef FEATURE
#endif
    return json_pack("{si so ss}", "cores", (int)sysconf(_SC_NPROCESSORS_ONLN),
                     "features", features, "kernels", loom_kernels()->name);
}

static json_t *terminal(void)
{
    struct winsize w = {0};
    const char *term = getenv("TERM"), *colour = getenv("COLORTERM");
    setlocale(LC_CTYPE, "");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
        w = (struct winsize){0};
    return json_pack("{sb ss ss ss si si sb}", "tty", isatty(STDOUT_FILENO),
                     "TERM", term ? term : "", "COLORTERM",
                     colour ? colour : "", "charset", nl_langinfo(CODESET),
                     "columns", w.ws_col, "lines", w.ws_row, "NO_COLOR",
                     getenv("NO_COLOR") != NULL);
}

/* The default run store: none yet is fine, a damaged one is not. */
static json_t *store(void)
{
    struct loom_errmsg e = {""};
    int err;
    char *dir = loom_folder(LOOM_FOLDER_DATA);
    struct loom_store *s = loom_store_open(NULL, LOOM_STORE_READ, &err, &e);
    if (s)
        err = loom_store_check(s, &e);
    loom_store_close(s);
    json_t *j = json_pack("{ss ss ss}", "dir", dir, "state",
                          !err                      ? "ok"
                          : err == LOOM_ERR_MISSING ? "none yet"
                                                    : "unusable",
                          "error", err == LOOM_ERR_MISSING ? "" : e.text);
    free(dir);
    return j;
}

/* ---- output ---- */

static json_t *tools_json(const struct finding f[N_TOOLS])
{
    json_t *all = json_array();
    for (int i = 0; i < N_TOOLS; i++)
        json_array_append_new(
            all, json_pack("{ss sb sb ss ss ss ss sb}", "name", tools[i].name,
                           "installed", f[i].found, "works", f[i].works, "path",
                           f[i].path, "version", f[i].version, "package",
                           tools[i].package, "purpose", tools[i].purpose,
                           "optional", tools[i].optional));
    return all;
}

static void print_tool(const struct tool *t, const struct finding *f)
{
    const char *mark = f->works      ? "ok"
                       : f->found    ? "BROKEN"
                       : t->optional ? "-"
                                     : "MISSING";
    printf("%-8s %-14s ", mark, t->name);
    if (f->works)
        puts(f->version[0] ? f->version : f->path);
    else if (f->found)
        printf("%s does not answer; apt-get install --reinstall %s\n", f->path,
               t->package);
    else
        printf("%s%s\n", t->purpose, t->optional ? " (optional)" : "");
}

/* "name value, name value" of an object or list, on one line. */
static void print_line(const char *title, json_t *object)
{
    const char *key, *comma = "";
    json_t *v;
    printf("%-8s ", title);
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        char *text = json_is_string(v)
                         ? loom_strdup(json_string_value(v))
                         : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        if (text[0])
            printf("%s%s %s", comma, key, text);
        if (text[0])
            comma = ", ";
        free(text);
    }
    putchar('\n');
}

static int print_text(const json_t *report, const struct finding f[N_TOOLS])
{
    static const char *const titles[] = {"libraries", "cpu", "terminal",
                                         "store"};
    printf("bitloom %s\n\n", LOOM_VERSION);
    for (int i = 0; i < N_TOOLS; i++)
        print_tool(&tools[i], &f[i]);
    putchar('\n');
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        print_line(titles[i], json_object_get(report, titles[i]));
    const char *install = json_string_value(json_object_get(report, "install"));
    if (install[0])
        printf("\nMissing for builds; training does without. Type:\n  %s\n",
               install);
    return fflush(stdout) == EOF ? CLI_FAILED : CLI_DONE;
}

int cmd_doctor(int argc, char **argv)
{
    struct finding f[N_TOOLS];
    char install[256];
    bool json = argc == 2 && !strcmp(argv[1], "--json");
    if (argc > 1 + json)
        return cli_usage("doctor", "%s: unknown option", argv[1 + json]);
    for (int i = 0; i < N_TOOLS; i++)
        look_for(&tools[i], &f[i]);
    what_to_type(f, install, sizeof(install));
    json_t *report =
        json_pack("{ss sb ss so so so so so ss}", "schema", "bitloom/doctor/1",
                  "ok", all_there(f), "version", LOOM_VERSION, "tools",
                  tools_json(f), "libraries", libraries(), "cpu", cpu(),
                  "terminal", terminal(), "store", store(), "install", install);
    int status =
        json ? cli_print_json(json_incref(report)) : print_text(report, f);
    json_decref(report);
    return status ? status : all_there(f) ? CLI_DONE : CLI_FAILED;
}
