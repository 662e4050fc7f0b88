/* Everything a user can do on the screen: one table. Keys, the key line, the
 * help page and the command line all read it, so they cannot disagree. */
#pragma once

#include "tui/ui.h"

struct action {
    const char *name;  /* of the command line */
    const char *keys;  /* as shown, e.g. "Space"; "": none */
    const char *label; /* in the key line; NULL: not there */
    const char *arg;   /* what the command line takes, "" nothing */
    const char *help;
    int key[3];                         /* key.h; 0: no more */
    unsigned screens;                   /* bit 1 << enum screen */
    bool (*valid)(const struct ui *ui); /* can be done; NULL: always */
    bool (*hint)(const struct ui *ui);  /* worth a place in the key line; NULL:
                                           when it can be done */
    void (*run)(struct ui *ui, const char *arg);
    const char *(*word)(const struct ui *ui); /* instead of label, or NULL */
};

extern const struct action actions[]; /* ended by a NULL name */

/* Belongs in the key line now, if it has room. */
bool action_hinted(const struct action *a, const struct ui *ui);

/* A key was pressed: do what it means now; a key without meaning does
 * nothing. */
void action_key(struct ui *ui, int key);

/* Do what was typed, "beta x1.5"; a wrong word is answered in ui->note. */
void action_line(struct ui *ui, const char *line);
