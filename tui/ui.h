/* The state of the screen beside the view of the session: what is shown, what
 * has the keys, what is being typed. A picture is a pure function of
 * (view, ui, size); ui_draw makes it. Only actions (action.h) change the
 * state. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lua/session.h"
#include "tui/grid.h"

/* Rows of the tab line in their order. */
enum screen { SCREEN_DASH, SCREEN_LAYERS, SCREEN_BUILDS, SCREEN_RUNS, SCREENS };

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

/* How Layers draws the map, and of what. */
enum layers_map { LAYERS_DIGITS, LAYERS_BLOCKS, LAYERS_WHOLE, LAYERS_MAPS };
enum layers_what {
    LAYERS_BITS,
    LAYERS_VALUE,
    LAYERS_ERROR,
    LAYERS_GRADIENT,
    LAYERS_BIT_GRADIENT,
    LAYERS_WHATS
};

struct layers_state {
    enum layers_map map;
    enum layers_what what;
    int zoom;                     /* weights on a side of a cell */
    int row, col;                 /* the cursor, in weights */
    int from_row, from_col;       /* the first cell shown, in weights */
    int epoch;                    /* looked back at; 0: now */
    struct loom_layer_watch sent; /* what the session was asked for last */
};

enum { UI_LINE = 200, UI_SCRIPTS = 24, UI_PATH = 256 };

struct runs_list;

struct ui {
    int w, h; /* of the terminal, both lines of chrome included */
    enum screen screen;
    enum dash_box focus;
    bool full;       /* the box with the keys fills the screen */
    bool log_y;      /* loss curves on a logarithmic axis */
    uint64_t log_at; /* number of the last log line shown; 0: follow */
    int layer;       /* selected in the bit map and on Layers */
    struct layers_state layers;
    int build_id; /* selected in Builds; 0: the newest */
    bool help;
    int help_row;
    bool asks_quit;
    bool error_read; /* the error box was closed */
    enum style_theme theme;
    bool typing;           /* the command line is open */
    char line[UI_LINE];    /* UTF-8, what is typed */
    char choices[UI_LINE]; /* what Tab could complete to, or "" */
    char note[UI_LINE];    /* the answer to the last key, or "" */
    enum style note_style;
    float beta_factor, lr_factor; /* last sent; 0: as the view says */
    struct runs_list *runs;       /* of the Runs screen; NULL: not read */
    /* What to open when there is no session yet. */
    int n_scripts, script;
    char scripts[UI_SCRIPTS][UI_PATH];
    /* Asked of the loop, which clears them. */
    bool quit, suspend, redraw;
    char open[UI_PATH]; /* script to open, or "" */
    /* The latest view, never NULL; and where commands go: false when the
     * session cannot take one now. */
    const struct loom_view *view;
    const struct loom_layer_detail *detail; /* or NULL: none was asked for */
    bool (*send)(void *ud, const struct loom_command *c);
    void *ud;
};

void ui_init(struct ui *ui);

/* The view of no session: state empty, nothing else. */
const struct loom_view *ui_no_view(void);

/* The whole picture into g, which takes the size of the ui. */
void ui_draw(struct grid *g, const struct ui *ui);

/* The part between the tab line and the key line. */
struct area ui_body(struct area all);

/* True while leaving would stop a training. */
bool ui_trains(const struct ui *ui);

/* "▶", "‖" ... and "running", "paused" ...; static storage. */
const char *ui_state_mark(enum loom_train_state s);
const char *ui_state_word(enum loom_train_state s);
enum style ui_state_style(enum loom_train_state s);

/* Name and key of a screen. */
const char *ui_screen_name(enum screen s);
char ui_screen_key(enum screen s);
