/* Verilog of the modules around a core, and of their test benches; for
 * interface.c. Fresh texts. Vectors go in bytes, the lowest bits first. */
#pragma once

#include <stddef.h>

#include "fpga_flow/design.h"

/* clocks: clock edges a bit of the serial line. */
char *loom_wrapper_uart(const struct loom_design *d, int clocks);
char *loom_wrapper_spi(const struct loom_design *d);
char *loom_wrapper_stream(const struct loom_design *d);
/* rows: a power of two, of selftest_x.hex and selftest_y.hex. */
char *loom_wrapper_selftest(const struct loom_design *d, int clocks, int rows);

char *loom_wrapper_uart_bench(const struct loom_design *d, size_t rows);
char *loom_wrapper_spi_bench(const struct loom_design *d, size_t rows);
char *loom_wrapper_stream_bench(const struct loom_design *d, size_t rows);
char *loom_wrapper_selftest_bench(const struct loom_design *d, size_t rows);
