/* A parent that keeps the terminal. The program itself runs in its child, so
 * that two things work which one process cannot do: Ctrl-Z gives the terminal
 * back to the shell while training goes on (only the parent stops), and
 * however the child dies, the terminal is put right again. The parent holds no
 * threads and does nothing but wait. */
#pragma once

/* Run work(arg) in a child; returns its exit status, in the parent. Signals to
 * the parent reach the child; the child ends with its parent. */
int keeper_run(int (*work)(void *arg), void *arg);

/* In the child, after it has let go of the terminal and ignores SIGTSTP: stop
 * the job, as seen by the shell. The child runs on and gets one SIGUSR2 when
 * the shell goes on with the job, in front or in the background. */
void keeper_stop_job(void);
