/* The Data screen: what the network is trained on. A row a feature with its
 * histogram, the balance of the classes, what should give one pause; and the
 * rows themselves. */
#pragma once

#include "tui/ui.h"

void data_draw(struct area all, const struct ui *ui);

/* Ask the session for what the screen shows, if that is not what it was asked
 * for last; for nothing while another screen is shown. */
void data_watch(struct ui *ui);

/* Through the features; through the rows, where these are shown. */
void data_move(struct ui *ui, long rows, long cols);
int data_page(const struct ui *ui);
int data_row(const struct ui *ui);

bool data_any(const struct ui *ui);
void data_next_part(struct ui *ui, const char *part); /* "": the next one */
void data_next_plot(struct ui *ui, const char *arg);
const char *data_plot_word(const struct ui *ui);
