/* Folders of this user and of this process. */
#pragma once

#include "engine/err.h"

enum loom_folder {
    LOOM_FOLDER_DATA,  /* $XDG_DATA_HOME/bitloom, or ~/.local/share/bitloom */
    LOOM_FOLDER_CACHE, /* $XDG_CACHE_HOME/bitloom, or ~/.cache/bitloom */
    LOOM_FOLDER_STATE, /* $XDG_STATE_HOME/bitloom, or ~/.local/state/bitloom */
    LOOM_FOLDER_CONFIG /* $XDG_CONFIG_HOME/bitloom, or ~/.config/bitloom */
};

/* Its path, which need not be there, and cannot be where this user has no home;
 * the caller frees. A variable counts only if it names a path from the root, as
 * the XDG base directory specification has it. */
char *loom_folder(enum loom_folder which);

/* A new folder for scratch in $TMPDIR, or /tmp; the caller removes it
 * (loom_file_remove_tree) and frees its path. Those that killed processes of
 * this machine have left are removed on the way. NULL with LOOM_ERR_IO's
 * sentence. */
char *loom_folder_scratch(struct loom_errmsg *e);
