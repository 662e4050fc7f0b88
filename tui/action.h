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

/* What does it here, as text: the user's own key, or the table's; and the
 * action of a key on a screen, or NULL. */
const char *action_keys(const struct action *a, const struct bindings *b);
const struct action *action_of_key(int key, enum screen screen,
                                   const struct bindings *b);

/* Belongs in the key line now, if it has room. */
bool action_hinted(const struct action *a, const struct ui *ui);

/* Do it, on a screen that has it; what cannot be done now is answered in
 * ui->note. */
void action_do(struct ui *ui, const struct action *a, const char *arg);

/* As many rows down on what is shown; the help page, or the screen's own. */
void action_move(struct ui *ui, long by);
