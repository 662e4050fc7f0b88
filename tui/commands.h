/* The commands, one file each (cmd_<name>.c); argv[0] is the command's name.
 * Each returns an exit status of cli.h. */
#pragma once

int cmd_bench(int argc, char **argv);
int cmd_bench_ui(int argc, char **argv); /* of a build with a screen */
int cmd_build(int argc, char **argv);
int cmd_cmvm(int argc, char **argv);
int cmd_compile(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_devices(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_ebops(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_fit(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_freeze(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_program(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_runs(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_verify(int argc, char **argv);
