/* The Lua screen: a console on the state of the session. Lines run on the
 * session's thread between two batches; here they are only typed and shown. */
#pragma once

#include "tui/ui.h"

void console_draw(struct area all, const struct ui *ui);

/* One row while typing: an older or a newer line; more rows, or none being
 * typed: scrolls. */
void console_move(struct ui *ui, long rows, long cols);
int console_page(const struct ui *ui);

/* Characters are Lua. */
bool console_types(const struct ui *ui);
bool console_busy(const struct ui *ui);

/* Run the line; or type again. */
void console_enter(struct ui *ui, const char *arg);
const char *console_enter_word(const struct ui *ui);
void console_complete(struct ui *ui, const char *arg);
/* A line by its text, from anywhere. */
void console_run(struct ui *ui, const char *text);
/* Stop what runs, else forget what was typed. False: neither was there. */
bool console_stop(struct ui *ui);

/* What came since the last look: the answer to a completion. */
void console_news(struct ui *ui);
/* What ui.action asked for since the last look; NULL: nothing more. */
const char *console_action(struct ui *ui);
