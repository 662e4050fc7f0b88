/* The state of the screen beside the view of the session: what is shown, what
 * has the keys, what is being typed. A picture is a pure function of
 * (view, ui, size); ui_draw makes it. Only actions (action.h) change the
 * state. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lua/session.h"
#include "tui/builds_files.h"
#include "tui/edit.h"
#include "tui/grid.h"

/* Rows of the tab line in their order. */
enum screen {
    SCREEN_DASH,
    SCREEN_LAYERS,
    SCREEN_BUILDS,
    SCREEN_RUNS,
    SCREEN_DATA,
    SCREEN_LUA,
    SCREENS
};

/* Boxes of Dash that can have the keys. */
enum dash_box {
    DASH_LOSS,
    DASH_METRIC,
    DASH_FRONT,
    DASH_BITS,
    DASH_BUDGET,
    DASH_SCHEDULE,
    DASH_LOG,
    DASH_JOBS,
    DASH_BOXES
};

struct dash_state {
    int zoom;      /* of the curves: halvings of their epochs */
    int cursor;    /* epoch under it; 0: there is none */
    int point;     /* of the front, by its epoch; 0: none is chosen */
    bool warnings; /* of the log, only they */
    char find[200], find_before[200]; /* and only lines with that text */
};

/* How Layers draws the map, and of what. */
enum layers_map { LAYERS_DIGITS, LAYERS_BLOCKS, LAYERS_WHOLE, LAYERS_MAPS };
enum layers_what {
    LAYERS_BITS,
    LAYERS_VALUE,
    LAYERS_ERROR,
    LAYERS_GRADIENT,
    LAYERS_BIT_GRADIENT,
    LAYERS_RANGE,
    LAYERS_SATURATION,
    LAYERS_WHATS
};

struct layers_state {
    enum layers_map map;
    enum layers_what what;
    bool inputs;                  /* they, not the weights */
    int example;                  /* whose values they have */
    int zoom;                     /* weights on a side of a cell */
    int row, col;                 /* the cursor, in weights */
    int from_row, from_col;       /* the first cell shown, in weights */
    int epoch;                    /* looked back at; 0: now */
    struct loom_layer_watch sent; /* what the session was asked for last */
};

/* The lower part of Builds. */
enum builds_pane {
    BUILDS_DETAILS,
    BUILDS_CELLS,
    BUILDS_PATH,
    BUILDS_LOG,
    BUILDS_VERSUS,
    BUILDS_PANES
};

struct builds_state {
    enum builds_pane pane;
    int versus; /* id of the build to compare with; 0: the one below */
    struct builds_wanted wanted;
    bool only; /* of the log only the lines that match */
    long back; /* lines scrolled back from its end */
    long hit;  /* number of the match looked at, from the last one back */
    char pattern_before[200];
};

/* The Data screen. */
struct data_state {
    size_t feature;                  /* selected */
    bool sum;                        /* histograms summed up */
    struct loom_data_watch at, sent; /* the rows; what was asked for last */
};

/* The Lua screen. */
struct console_state {
    struct edit input;
    bool keys;     /* keys are commands again, not Lua */
    long back;     /* lines scrolled back */
    double asked;  /* number of the last completion asked for */
    bool waits;    /* for its answer */
    uint64_t acts; /* the last ui.action that was done */
};

/* The palette: actions found by some letters of their names. */
struct palette {
    bool open;
    struct edit line;
    int at; /* row */
};

/* Keys of the user's own, over those of the table of actions. */
enum { UI_BOUND = 64, UI_KEY_NAME = 16 };

struct bindings {
    int n;
    struct {
        int action, key;        /* number in the table; key.h */
        char name[UI_KEY_NAME]; /* "Ctrl-K" */
    } of[UI_BOUND];
};

enum { UI_LINE = 200, UI_CHOICES = 512, UI_SCRIPTS = 24, UI_PATH = 256 };

struct runs_list;
struct history;

struct ui {
    int w, h; /* of the terminal, both lines of chrome included */
    enum screen screen;
    enum dash_box focus;
    bool full;       /* the box with the keys fills the screen */
    bool log_y;      /* loss curves on a logarithmic axis */
    uint64_t log_at; /* number of the last log line shown; 0: follow */
    struct dash_state dash;
    int layer;       /* selected in the bit map and on Layers */
    struct layers_state layers;
    int build_id; /* selected in Builds; 0: the newest */
    struct builds_state builds;
    int n_past; /* builds of earlier sessions, of which it is told */
    const struct loom_build_view *past;
    const struct builds_files *files; /* of a build, or NULL: none read */
    bool help;
    int help_row;
    bool asks_quit, no_mouse;
    bool error_read; /* the error box was closed */
    enum style_theme theme;
    struct bindings bound;
    bool typing; /* the command line is open */
    struct edit line;
    struct palette palette;
    struct console_state console;
    struct data_state look;
    struct history *history;  /* of the console; NULL: none is kept */
    char choices[UI_CHOICES]; /* what Tab could complete to, or "" */
    char note[UI_LINE];       /* the answer to the last key, or "" */
    enum style note_style;
    float beta_factor, lr_factor; /* last sent; 0: as the view says */
    struct runs_list *runs;       /* of the Runs screen; NULL: not read */
    /* What to open when there is no session yet. */
    int n_scripts, script;
    char scripts[UI_SCRIPTS][UI_PATH];
    char last[UI_LINE]; /* what to go on with by the first of them, or "" */
    /* Asked of the loop, which clears them. */
    bool quit, suspend, redraw, stop_line;
    char *copied;       /* for the terminal's clipboard, or NULL; it frees */
    char open[UI_PATH]; /* script to open, or "" */
    bool go_on;         /* and its last run */
    /* The latest view, never NULL; and where commands go: false when the
     * session cannot take one now. */
    const struct loom_view *view;
    const struct loom_layer_detail *detail; /* or NULL: none was asked for */
    const struct loom_console_view *lines;  /* or NULL: none yet */
    const struct loom_data_view *data;      /* or NULL: none was asked for */
    bool (*send)(void *ud, const struct loom_command *c);
    void *ud;
};

static inline int ui_between(int v, int lo, int hi)
{
    return v > hi ? (hi < lo ? lo : hi) : v < lo ? lo : v;
}

void ui_init(struct ui *ui);

/* The view of no session: state empty, nothing else. */
const struct loom_view *ui_no_view(void);

/* The whole picture into g, which takes the size of the ui. */
void ui_draw(struct grid *g, const struct ui *ui);

/* The part between the tab line and the key line. */
struct area ui_body(struct area all);

/* True while leaving would stop a training; or a build. */
bool ui_trains(const struct ui *ui);
bool ui_builds(const struct ui *ui);

/* The answer to a key, for a while on the screen. */
__attribute__((format(printf, 3, 4))) void ui_say(struct ui *ui, enum style s,
                                                  const char *fmt, ...);

/* Send a command; the answer to the user's key is `said`. False: not taken,
 * and the answer says why. */
bool ui_send(struct ui *ui, enum loom_cmd_kind kind, double value,
             const char *text, const char *said);

/* To another screen, as its key does. */
void ui_turn(struct ui *ui, enum screen s);

/* "▶", "‖" ... and "running", "paused" ...; static storage. */
const char *ui_state_mark(enum loom_train_state s);
const char *ui_state_word(enum loom_train_state s);
enum style ui_state_style(enum loom_train_state s);

/* What a screen is: its name and key; how it is drawn; what moving by rows
 * and columns does on it, and how many rows a page has. */
struct ui_screen {
    const char *name;
    char key;
    void (*draw)(struct area all, const struct ui *ui);
    void (*move)(struct ui *ui, long rows, long cols);
    int (*page)(const struct ui *ui);
    int (*row)(const struct ui *ui); /* the one selected; NULL: no rows */
};

const struct ui_screen *ui_screen(enum screen s);
