/* Numbers as people read them, short and of steady width. Each writes into
 * the caller's buffer and returns it; what is not a number becomes a dash. */
#pragma once

#include <stddef.h>

enum { FORMAT_CHARS = 24 };

/* Four digits: "0.2471", "12.34", "1.2e-05" as "1.2e-5". */
const char *format_value(double v, char buf[FORMAT_CHARS]);

/* Two digits and a power of ten: "3.1e-6". */
const char *format_power(double v, char buf[FORMAT_CHARS]);

/* A count in at most six columns: "842", "28.4k". */
const char *format_count(double v, char buf[FORMAT_CHARS]);

/* A span of time in at most six columns: "0.41 s", "33 s", "2m38", "1h04",
 * "3d02h". */
const char *format_seconds(double s, char buf[FORMAT_CHARS]);

/* The same in whole seconds, for what is only a guess or changes each second:
 * "7 s", "2m38". */
const char *format_whole_seconds(double s, char buf[FORMAT_CHARS]);
