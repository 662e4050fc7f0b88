/* The Builds screen: a row a build, and all that is known of the selected
 * one. And the pieces of a build that Dash shows too. */
#pragma once

#include "tui/ui.h"

void builds_draw(struct area all, const struct ui *ui);

/* All builds that the screen lists: the session's, newest first, then those
 * of earlier ones. */
int builds_count(const struct ui *ui);
const struct loom_build_view *builds_get(const struct ui *ui, int i);
/* "b-13"; an earlier one by its network and epoch: "jets-001@104". */
const char *builds_name(const struct loom_build_view *b, char buf[48]);

/* Index of the selected build; -1: none. */
int builds_selected(const struct ui *ui);

/* The build that runs, else the newest; NULL: none. */
const struct loom_build_view *builds_current(const struct loom_view *v);

/* "▶", "✔" ...: state marks; and "route 61%", "done", "place failed". */
const char *builds_mark(const struct loom_build_view *b);
enum style builds_style(const struct loom_build_view *b);
const char *builds_stage(const struct loom_build_view *b, char *buf, size_t n);
/* The epoch of the network that is built, as its folder's name tells
 * ("build-00024-hx8k"); -1: it does not. */
int builds_epoch(const struct loom_build_view *b);
float builds_seconds(const struct loom_build_view *b);

/* Rows "LUT4  ███··· 27%  2070  ~2200": measured beside predicted, against
 * the cells of the device. Draws from row y on; returns the row after. */
int builds_usage(struct area a, int y, const struct loom_build_view *b);

/* The selected build; NULL: there is none. */
const struct loom_build_view *builds_now(const struct ui *ui);

/* What the screen needs of the selected build's folder. */
void builds_watch(struct ui *ui);

void builds_move(struct ui *ui, long rows, long cols);
int builds_page(const struct ui *ui);
