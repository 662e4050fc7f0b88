/* A session's insides, shared by session.c (life, commands, the view),
 * session_run.c (training for the script), session_steer.c, session_builds.c,
 * session_console.c, session_data.c, session_layer.c, session_forecast.c and
 * session_choice.c.
 * All of it belongs to the session's thread but for what is said to be shared. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include <lua.h>

#include "engine/mailbox.h"
#include "engine/store.h"
#include "engine/trainer.h"
#include "fpga_flow/choose.h"
#include "lua/script.h"
#include "lua/session.h"

enum { SESSION_QUEUE = 64, SESSION_UNDO = 16 };

/* What a change replaced. */
struct session_change {
    struct loom_hand hand;
    char layer[48];  /* whose bits were frozen or set free; "" none */
    bool parameters; /* they are in undo.loom */
};

struct session_build {
    struct loom_build *build;
    struct loom_exact *net;
    int64_t *vectors;
    pthread_t thread;
    bool started, ended;  /* thread made; joined */
    atomic_bool finished; /* shared: set by the thread as its last act */
    int64_t row;          /* in the store; 0 none */
    int id;
};

struct session_console {
    lua_State *L;     /* a thread of the session's state */
    int functions;    /* of console.lua, in the registry */
    int depth;        /* lines that run: one within the other */
    atomic_bool stop; /* shared: the user wants the line to end */
    double published;
    struct loom_console_view *view;
    struct loom_mailbox *mailbox; /* shared with the reader */
};

struct session_layer {
    struct loom_mailbox *mailbox; /* shared with the reader */
    struct loom_layer_watch watch;
    struct loom_layer_detail detail; /* filled while a layer is watched */
    struct loom_bit_history *bits;   /* of the trainer's model */
    bool has_example;                /* memory for one row to go through */
    struct loom_scratch example;
    struct loom_sums sums;
};

struct session_forecast {
    struct session_forecast_job *job; /* at work, or NULL */
    int epoch;                        /* what it was begun for last, and where */
    const struct loom_device *device;
    bool roughly;
    struct loom_forecast made; /* the last that was not; epoch 0: none yet */
    double next;               /* monotonic time of the next one */
};

struct session_data {
    struct loom_mailbox *mailbox; /* shared with the reader */
    struct loom_data_watch watch;
    struct loom_data_view *view;   /* NULL until it is asked for */
    const struct loom_dataset *of; /* measured in the first of */
    struct session_summary *all;
};

struct loom_session {
    struct loom_session_conf conf; /* strings owned */
    char *script, *out, *resume, *device, **set;

    /* Shared with the sender of commands; the lock is held for moments. */
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct loom_command queue[SESSION_QUEUE];
    int n_queue;
    atomic_bool interrupted; /* shared: set by a signal handler too */

    struct loom_mailbox *mailbox; /* shared with the reader */
    int event_fd;

    pthread_t thread;
    bool has_thread;
    lua_State *L;
    struct loom_script_host host;
    struct loom_store *store;
    struct loom_trainer *trainer; /* of the last loom.train, until the next */
    const struct loom_dataset *data;          /* its data, alive as long as L */
    const struct loom_train_request *request; /* while it trains */
    char run[LOOM_RUN_ID];
    int n_trained; /* calls of loom.train, with this one */
    enum {
        SESSION_AGAIN_NONE,
        SESSION_AGAIN_SAME,
        SESSION_AGAIN_OTHER
    } again;   /* how a run made again has ended */
    char *dir; /* the run's folder */
    bool paused, stop;
    enum { STEP_NONE, STEP_BATCH, STEP_EPOCH } step; /* paused, but for it */
    int n_changes;
    struct session_change change[SESSION_UNDO]; /* oldest first */
    double published, told; /* monotonic time of the last view, progress */
    int last_build_id;
    int n_builds; /* newest first */
    struct session_build *build[LOOM_VIEW_BUILDS];
    struct session_choice *choice; /* at work for the next one, or NULL */
    struct loom_view view; /* what is published next */
    struct session_console console;
    struct session_data looked;
    struct session_layer layer;
    struct session_forecast forecast;
};

/* Add a line to the log, and tell the event listener. */
__attribute__((format(printf, 3, 4))) void
loom_session_log(struct loom_session *s, enum loom_log_level level,
                 const char *fmt, ...);

/* Monotonic seconds. */
double loom_session_now(void);

/* Publish the view if `now` or if the last one is old enough. */
void loom_session_publish(struct loom_session *s, bool now);

void loom_session_tell(struct loom_session *s, enum loom_event_kind kind,
                       const char *checkpoint);

/* Do what was asked for since the last call; while paused, wait in here.
 * Returns false when the session is to stop. */
bool loom_session_drain(struct loom_session *s);

/* Do one command. */
void loom_session_obey(struct loom_session *s, const struct loom_command *c);

/* The hook that stops Lua when the session, or the console's line, is to. */
void loom_session_count(lua_State *L, lua_Debug *ar);

/* session_console.c */
int loom_session_open_console(struct loom_session *s, struct loom_errmsg *e);
void loom_session_close_console(struct loom_session *s);
void loom_session_eval(struct loom_session *s, const char *text);
void loom_session_complete(struct loom_session *s, const char *text,
                           double request);
void loom_session_forget(struct loom_session *s);
/* False: no line runs, the text is not the console's. */
bool loom_session_console_print(struct loom_session *s, const char *text);

/* session_data.c. w NULL: as was asked for, of what may be other data now. */
void loom_session_show_data(struct loom_session *s,
                            const struct loom_data_watch *w);
void loom_session_forget_data(struct loom_session *s);

/* session_forecast.c: true while one is made. */
bool loom_session_tend_forecast(struct loom_session *s);
void loom_session_drop_forecast(struct loom_session *s);

/* session_choice.c: look for the point to build; true while that goes on. */
void loom_session_choose(struct loom_session *s,
                         const struct loom_device *device);
bool loom_session_tend_choice(struct loom_session *s);
void loom_session_drop_choice(struct loom_session *s);

/* session_layer.c */
void loom_session_watch_layer(struct loom_session *s,
                              const struct loom_layer_watch *w);
/* Publish what is asked for of a layer, if anything is. */
void loom_session_show_layer(struct loom_session *s);
/* What is kept beside a new trainer, and given up with it. */
int loom_session_open_layers(struct loom_session *s, struct loom_errmsg *e);
void loom_session_close_layers(struct loom_session *s);

/* session_run.c: what scripts can ask the session to do. */
int loom_session_train(void *ud, struct loom_train_request *r,
                       struct loom_errmsg *e);
bool loom_session_point(void *ud, int k, struct loom_pareto_point *out);
int loom_session_load(void *ud, const struct loom_pareto_point *p,
                      struct loom_checkpoint *out, struct loom_errmsg *e);
bool loom_session_alive(void *ud);
void loom_session_branch(struct loom_session *s, int epoch);
void loom_session_end_run(struct loom_session *s);

/* session_again.c. What the row of a run says for that; the caller frees. */
char *loom_session_recipe(const struct loom_session *s);
/* The data is as it was. */
int loom_session_check_again(const struct loom_session *s,
                             const struct loom_train_request *r,
                             struct loom_errmsg *e);
/* After a training: LOOM_ERR_CANCELLED if it was the one, to end the script. */
int loom_session_end_again(struct loom_session *s, struct loom_errmsg *e);
/* What the script's end, err, means then. */
int loom_session_judge_again(const struct loom_session *s, int err,
                             struct loom_errmsg *e);

/* session_steer.c: what a user changes in a training. */
void loom_session_scale(struct loom_session *s, double beta, double lr);
void loom_session_target(struct loom_session *s, double cost);
void loom_session_freeze(struct loom_session *s, const char *layer);
void loom_session_rollback(struct loom_session *s, int epoch);
void loom_session_undo(struct loom_session *s);
/* The point of that epoch on the front, or NULL with a line in the log. */
const struct loom_pareto_point *loom_session_find_point(struct loom_session *s,
                                                        int epoch);

/* session_builds.c */
void loom_session_build(struct loom_session *s, const char *device);
void loom_session_cancel_build(struct loom_session *s, int id);
/* Start what waits, collect what ended, refresh the views; returns whether
 * any build is running. */
bool loom_session_tend_builds(struct loom_session *s);
/* Queue the point that was chosen; takes choice's network. */
void loom_session_build_point(struct loom_session *s,
                              const struct loom_device *device,
                              const struct loom_pareto_point *p,
                              struct loom_choice *choice);
void loom_session_end_builds(struct loom_session *s);
