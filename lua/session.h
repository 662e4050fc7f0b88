/* A session: one script, one model, one trainer, its builds.
 * It owns the lua_State and runs the script on a thread of its own (or on the
 * caller's, headless). The screen talks to it by three things only: commands
 * in a bounded queue, drained between two batches; the latest view in a
 * mailbox; an eventfd that says there is a new view. Neither side waits. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/data_summary.h"
#include "engine/err.h"
#include "engine/guard.h"
#include "engine/layer_detail.h"
#include "engine/store.h"
#include "engine/train_view.h"
#include "fpga_flow/build.h"
#include "fpga_flow/forecast.h"
#include "lua/depot.h"

enum { LOOM_VIEW_BUILDS = 8, LOOM_VIEW_LOG = 200, LOOM_LOG_CHARS = 192 };

enum loom_log_level {
    LOOM_LOG_INFO,
    LOOM_LOG_GOOD,
    LOOM_LOG_WARN,
    LOOM_LOG_ERROR
};

struct loom_log_line {
    uint64_t number; /* 1, 2, 3 ... */
    int64_t time;    /* seconds of the epoch */
    enum loom_log_level level;
    char text[LOOM_LOG_CHARS];
};

struct loom_view {
    uint64_t serial; /* rises with every view published */
    char script[128];
    char device[24]; /* target of the next build */
    struct loom_train_view train;
    int collapsed;    /* the epoch since which it has; 0: it has not */
    char stopped[48]; /* why before the last epoch, or "" */
    int n_builds; /* newest first */
    struct loom_build_view build[LOOM_VIEW_BUILDS];
    struct loom_forecast forecast; /* of the newest point of the front */
    int n_log; /* oldest first */
    struct loom_log_line log[LOOM_VIEW_LOG];
};

/* The console: what the user typed, and what came of it. */
enum {
    LOOM_CONSOLE_LINES = 300,
    LOOM_CONSOLE_CHARS = 400,
    LOOM_CONSOLE_ACTIONS = 16
};

enum loom_console_kind {
    LOOM_CONSOLE_INPUT,
    LOOM_CONSOLE_MORE, /* input that goes on from the line before */
    LOOM_CONSOLE_OUTPUT,
    LOOM_CONSOLE_ERROR
};

struct loom_console_line {
    uint64_t number; /* 1, 2, 3 ... */
    enum loom_console_kind kind;
    char text[LOOM_CONSOLE_CHARS];
};

struct loom_console_view {
    bool busy, more; /* a line runs; the next one goes on from the last */
    int n;           /* oldest first */
    struct loom_console_line line[LOOM_CONSOLE_LINES];
    /* What ui.action asked the screen to do, oldest first. */
    int n_actions;
    struct {
        uint64_t number; /* 1, 2, 3 ... */
        char text[128];
    } action[LOOM_CONSOLE_ACTIONS];
    double completed;     /* value of the last LOOM_CMD_COMPLETE answered */
    char completion[128]; /* to append to its text */
    char choices[512];    /* all that its last word could be */
};

/* The data of the training: numbers of the whole, and a window of its rows. */
enum { LOOM_DATA_ROWS = 64, LOOM_DATA_COLS = 32 };

struct loom_data_watch {
    bool on;
    enum loom_part part;
    size_t row, col; /* the first of the window */
};

struct loom_data_view {
    const struct loom_data_summary *summary; /* lives as long as the session */
    enum loom_part part;
    size_t row, col;
    int n_rows, n_cols;
    float x[LOOM_DATA_ROWS][LOOM_DATA_COLS];
    float label[LOOM_DATA_ROWS]; /* class, or the first number of a target */
};

enum loom_cmd_kind {
    LOOM_CMD_PAUSE,
    LOOM_CMD_RESUME,
    LOOM_CMD_TOGGLE,     /* pause or resume */
    LOOM_CMD_SCALE_BETA, /* value: factor on the schedule from now on */
    LOOM_CMD_SCALE_LR,
    LOOM_CMD_SNAPSHOT,     /* write a checkpoint now */
    LOOM_CMD_BUILD,        /* text: device, "" for the session's; best point */
    LOOM_CMD_CANCEL_BUILD, /* value: id, 0: the running one */
    LOOM_CMD_STOP,         /* end training after this batch, save, end thread */
    LOOM_CMD_WATCH_LAYER,  /* fill the layer detail as `watch` says */
    LOOM_CMD_TARGET,       /* value: EBOPs that beta is to reach, 0: none */
    LOOM_CMD_STEP,         /* while paused: one batch, value 1: to the epoch's
                              end */
    LOOM_CMD_FREEZE,       /* text: layer; its bits are trained no more, or
                              again */
    LOOM_CMD_ROLLBACK,     /* value: epoch of a point of the front; go on from
                              its parameters */
    LOOM_CMD_BRANCH,       /* the same as a new run, whose parent this is; this
                              one is saved and stopped */
    LOOM_CMD_UNDO,         /* the last change of beta, lr, target, frozen bits
                              or parameters */
    LOOM_CMD_EVAL,         /* text: a line of Lua */
    LOOM_CMD_COMPLETE,     /* text: the beginning of one; value: comes back */
    LOOM_CMD_WATCH_DATA,   /* tell of the data as `data` says, from now on */
    LOOM_CMD_FORGET        /* the lines so far of one that goes on */
};

struct loom_command {
    enum loom_cmd_kind kind;
    double value;
    char text[512];
    struct loom_layer_watch watch;
    struct loom_data_watch data;
};

/* What a headless caller hears, on the session's thread. */
enum loom_event_kind {
    LOOM_EVENT_START, /* the model is built, training begins */
    LOOM_EVENT_BATCH, /* now and then within an epoch: progress */
    LOOM_EVENT_EPOCH,
    LOOM_EVENT_PARETO,   /* a point joined the front; checkpoint says where */
    LOOM_EVENT_LOG,      /* line */
    LOOM_EVENT_COLLAPSE, /* notice says of what, and what was done */
    LOOM_EVENT_STOP,     /* before the last epoch; notice says why */
    LOOM_EVENT_DONE
};

struct loom_event {
    enum loom_event_kind kind;
    const struct loom_train_view *train; /* valid during the call */
    const char *checkpoint;
    const struct loom_log_line *line;
    const struct loom_notice *notice; /* of the epoch that ended */
};

struct loom_session_conf {
    const char *script;     /* path */
    const char *const *set; /* NULL-ended "key=value" list, or NULL */
    const char *out;        /* run folder's parent and store, or NULL */
    const char *resume;     /* run id or checkpoint to go on with */
    int epochs, threads;    /* > 0: over the script's */
    int64_t seed;           /* >= 0: over the script's */
    const char *device;     /* target of builds; NULL: the script's */
    /* A run to make again, borrowed: its text is run in the script's place, its
     * training is the last, and LOOM_ERR_MISMATCH says that the weights are
     * others. Settings and seed are the caller's to give as they were. */
    const struct loom_store_run *again;
    /* What sessions of this process share, or NULL; outlives the session. */
    struct loom_depot *depot;
    /* Set by others, as loom_session_interrupt; or NULL. */
    const atomic_bool *interrupted;
    bool forecast;          /* predict the cells of points, in the background */
    void (*event)(void *ud, const struct loom_event *ev); /* or NULL */
    void *ud;
};

struct loom_session;

/* Whether that can be: LOOM_ERR_ARG says why not. */
int loom_session_can_again(const struct loom_store_run *r,
                           struct loom_errmsg *e);

struct loom_session *loom_session_new(const struct loom_session_conf *conf,
                                      struct loom_errmsg *e);
/* Stops, saves, joins, frees. */
void loom_session_destroy(struct loom_session *s);

/* Run the script on this thread until it ends. 0, or the error. */
int loom_session_run(struct loom_session *s, struct loom_errmsg *e);

/* Run the script on a thread of its own; afterwards it goes on draining
 * commands (builds) until LOOM_CMD_STOP or destroy. */
int loom_session_start(struct loom_session *s, struct loom_errmsg *e);

/* Any one thread; never blocks; false when the queue is full. */
bool loom_session_send(struct loom_session *s, const struct loom_command *c);

/* Ask the run to stop; async-signal-safe, for SIGINT in headless use. */
void loom_session_interrupt(struct loom_session *s);

/* Readable (level) when a view newer than the last loom_session_look is
 * there. */
int loom_session_fd(const struct loom_session *s);

/* The latest view, one reader thread; valid until the next call. NULL before
 * the first. */
const struct loom_view *loom_session_look(struct loom_session *s);

/* The same for the layer that LOOM_CMD_WATCH_LAYER asked for; NULL before the
 * first. */
const struct loom_layer_detail *loom_session_look_layer(struct loom_session *s);

/* The same for the data, which LOOM_CMD_WATCH_DATA asked for. */
const struct loom_data_view *loom_session_look_data(struct loom_session *s);

/* The same for the console; NULL before the first line. */
const struct loom_console_view *
loom_session_look_console(struct loom_session *s);

/* Stop the line that the console runs; any thread, at once. */
void loom_session_stop_console(struct loom_session *s);
