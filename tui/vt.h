/* What a terminal would show: enough of xterm's language for the programs of
 * this project, read from the bytes that they write. Text only, no colours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vt;

struct vt *vt_new(int w, int h);
void vt_free(struct vt *t); /* NULL is fine */

/* Bytes in pieces of any size. */
void vt_feed(struct vt *t, const char *bytes, size_t n);

/* One row as UTF-8, without blanks at its end, into buf. */
void vt_row(const struct vt *t, int y, char *buf, size_t size);

/* The text stands somewhere in one row; in that row, if it is not negative. */
bool vt_shows(const struct vt *t, int row, const char *text);
