#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "CProcess.h"

// Lock-free on every platform that has signals, so a handler may write it.
static atomic_int noted = 0;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler needs a lock-free int");

static void note(int signal) {
    // Whoever presses Ctrl-C again wants the program gone, saved or not.
    if (atomic_exchange(&noted, signal) == SIGINT && signal == SIGINT) _exit(128 + SIGINT);
}

int drrl_note_signal(int signal) {
    struct sigaction before;
    if (sigaction(signal, NULL, &before) != 0) return errno;
    // nohup ignores SIGHUP on purpose, and shells ignore SIGINT for what they start in the background.
    if ((signal == SIGHUP || signal == SIGINT) && before.sa_handler == SIG_IGN) return 0;
    struct sigaction action = {.sa_handler = note};
    // Restarted calls keep a signal from failing a read or write that was under way.
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(signal, &action, NULL) == 0 ? 0 : errno;
}

int drrl_ignore_signal(int signal) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigemptyset(&action.sa_mask);
    return sigaction(signal, &action, NULL) == 0 ? 0 : errno;
}

int drrl_noted_signal(void) { return atomic_load(&noted); }
