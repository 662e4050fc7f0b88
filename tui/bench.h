/* What the benchmarks share: the clock, the machine's peak, the networks. */
#pragma once

#include <jansson.h>

#include "engine/dataset.h"
#include "engine/kernels.h"
#include "engine/model.h"

/* What is asked for; 0 or NULL: all there is. */
struct bench_conf {
    bool json;
    const char *net;
    size_t batch;
    int threads;
};

/* One file each; the exit status. */
int bench_train(const struct bench_conf *c);
int bench_quant(const struct bench_conf *c);
/* argv[0] is "target", and so on. */
int bench_target(int argc, char **argv);
int bench_cmvm(int argc, char **argv);
int bench_lut6(int argc, char **argv);
int bench_kernels(int argc, char **argv);

/* Micro-benchmark k of cells, its name; NULL and an empty name behind the last,
 * NULL with a sentence where it cannot be made. */
struct loom_exact *bench_micro(int k, char name[48], struct loom_errmsg *e);

/* Seconds since some moment. */
double bench_now(void);

/* GFLOP/s of as many threads, the best of ten; not a number where threads
 * cannot be had. */
double bench_peak(int threads, struct loom_errmsg *e);

/* A network of quantized layers, and how many rows its data are. */
struct bench_net {
    const char *name;
    size_t rows;
    double macs; /* multiply-adds of a row, forward */
    struct loom_model *(*make)(const struct bench_net *n,
                               struct loom_errmsg *e);
    size_t in[3], out; /* shape of a row (1 axis: the others 0), classes */
    int hidden[4];     /* dense layers, ended by 0 */
};

extern const struct bench_net bench_nets[];
extern const int bench_n_nets;

/* Noise in, random labels out: the time does not depend on them. */
struct loom_dataset *bench_data(const struct bench_net *n,
                                struct loom_errmsg *e);
