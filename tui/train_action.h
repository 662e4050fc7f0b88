/* What keys and commands do to the training and its builds; rows of the table
 * in action.c. Commands go to the session; the note says what was asked. */
#pragma once

#include "tui/ui.h"

void train_toggle(struct ui *ui, const char *arg);
const char *train_toggle_word(const struct ui *ui);
void train_pause(struct ui *ui, const char *arg);
void train_resume(struct ui *ui, const char *arg);
void train_beta_up(struct ui *ui, const char *arg);
void train_beta_down(struct ui *ui, const char *arg);
void train_beta(struct ui *ui, const char *arg); /* "1e-5", "x1.5" */
void train_lr_up(struct ui *ui, const char *arg);
void train_lr_down(struct ui *ui, const char *arg);
void train_lr(struct ui *ui, const char *arg);
void train_snapshot(struct ui *ui, const char *arg);
void train_step(struct ui *ui, const char *arg); /* "", "batch", "epoch" */
void train_step_epoch(struct ui *ui, const char *arg);
void train_target(struct ui *ui, const char *arg); /* "4k", "off" */
void train_freeze(struct ui *ui, const char *layer);
void train_rollback(struct ui *ui, const char *epoch);
void train_branch(struct ui *ui, const char *epoch);
void train_undo(struct ui *ui, const char *arg);
void train_build(struct ui *ui, const char *device);
void train_cancel(struct ui *ui, const char *id); /* "", "13", "b-13" */
