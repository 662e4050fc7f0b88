/* What the screen remembers from one time to the next: where it was, how it
 * looked, and what was trained. A small JSON file; one that is absent or
 * damaged counts as nothing. */
#pragma once

#include <jansson.h>

#include "tui/ui.h"

/* A file in $XDG_STATE_HOME/bitloom or ~/.local/state/bitloom, whose folder is
 * made; NULL where it cannot be. The caller frees. */
char *state_path(const char *name);

/* Takes over what fits, and offers the last script where there is none now.
 * Returns what was read, for state_resume; NULL: nothing. */
json_t *state_load(const char *path, struct ui *ui);

/* conf: of the session that is open, script NULL: none; then what `old` (may
 * be NULL) says of the last one is kept. */
void state_save(const char *path, const struct ui *ui, const json_t *old,
                const struct loom_session_conf *conf);

/* The last session's options into conf; set: room for them and a NULL, which
 * the caller frees. Strings live as long as j. */
void state_resume(const json_t *j, struct loom_session_conf *conf,
                  const char ***set);
