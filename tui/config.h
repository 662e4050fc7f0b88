/* The user's own settings of the screen: a Lua file that assigns them,
 *
 *     theme = "cividis-light"   -- or viridis, cividis, viridis-light, plain
 *     glyphs = "blocks"         -- curves: braille, blocks, or ascii for all
 *     colour = false            -- as --mono
 *     fps = 20                  -- most changes a second, 1 to 60
 *     mouse = false             -- the terminal's, to select text
 *     map = "blocks"            -- Layers: digits, blocks, whole
 *     log_axis = false          -- Dash: linear loss
 *     keys = {palette = "Ctrl-K", build = "x", step = "Space"}
 *
 * read once at the start. Anything else in it is an error that names its
 * line. */
#pragma once

#include "engine/err.h"
#include "tui/ui.h"

struct config {
    int fps; /* 0: not set; nor are negative ones below */
    int theme, map, mouse, log_axis, colour;
    int glyphs; /* enum grid_glyphs */
    struct bindings keys;
};

/* path NULL: $XDG_CONFIG_HOME/bitloom/config.lua, or ~/.config/... A file that
 * is not there sets nothing. LOOM_ERR_SCRIPT with a sentence. */
int config_load(const char *path, struct config *c, struct loom_errmsg *e);

/* What it says of the screen into a fresh ui. */
void config_apply(const struct config *c, struct ui *ui);
