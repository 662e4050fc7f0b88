#include "tui/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tui/cli.h"
#include "tui/term.h"

static const int forwarded[] = {SIGTERM, SIGHUP,  SIGINT,
                                SIGQUIT, SIGTSTP, SIGCONT};

enum { FORWARDED = sizeof forwarded / sizeof *forwarded };

static sigset_t kept_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    for (int i = 0; i < FORWARDED; i++)
        sigaddset(&set, forwarded[i]);
    return set;
}

/* Stop this process and whoever else the shell takes for the job. The child
 * ignores it and runs on; one SIGUSR2 a stop tells it that the job goes on.
 * (SIGCONT would not do: the shell sends it to the child too, and a late one
 * could be taken for the end of the next stop.) */
static void stop_job(pid_t child)
{
    sigset_t tstp;
    sigemptyset(&tstp);
    sigaddset(&tstp, SIGTSTP);
    kill(0, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &tstp, NULL); /* stops here */
    sigprocmask(SIG_BLOCK, &tstp, NULL);
    kill(child, SIGUSR2);
}

/* Put right what the child could not: it died, or the terminal took nothing
 * from it, and may still take nothing. */
static void rescue(const struct termios *before)
{
    struct termios now;
    struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};
    if (tcgetattr(STDIN_FILENO, &now) != 0 ||
        !((now.c_lflag ^ before->c_lflag) & (ICANON | ECHO)))
        return;
    if (poll(&out, 1, 0) == 1 && out.revents & POLLOUT)
        term_rescue();
    tcflush(STDIN_FILENO, TCIFLUSH);
    tcsetattr(STDIN_FILENO, TCSANOW, before);
}

static int died(int signal)
{
    fprintf(stderr,
            "bitloom: ended by signal %d (%s); the last checkpoint of the run "
            "is whole, bitloom run --resume goes on from it\n",
            signal, strsignal(signal));
    return 128 + signal;
}

static int keep(pid_t child, const sigset_t *set, const struct termios *before)
{
    for (;;) {
        siginfo_t info;
        int s = sigwaitinfo(set, &info), status;
        if (s == SIGUSR1) {
            stop_job(child);
        } else if (s != SIGCHLD && s > 0) {
            kill(child, s);
        } else if (waitpid(child, &status, WNOHANG) == child) {
            rescue(before);
            return WIFSIGNALED(status) ? died(WTERMSIG(status))
                                       : WEXITSTATUS(status);
        }
    }
}

int keeper_run(int (*work)(void *arg), void *arg)
{
    struct termios before;
    sigset_t set = kept_signals(), old;
    memset(&before, 0, sizeof before);
    tcgetattr(STDIN_FILENO, &before);
    sigprocmask(SIG_BLOCK, &set, &old);
    pid_t parent = getpid(), child = fork();
    if (child < 0) {
        fprintf(stderr, "bitloom: cannot start a process: %s\n",
                strerror(errno));
        return CLI_FAILED;
    }
    if (child > 0)
        return keep(child, &set, &before);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &old, NULL);
    exit(getppid() == parent ? work(arg) : CLI_FAILED);
}

void keeper_stop_job(void)
{
    kill(getppid(), SIGUSR1);
}
