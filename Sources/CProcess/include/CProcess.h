// What a process must ask its operating system in C: signal handlers and the affinity mask.
#ifndef DRRL_CPROCESS_H
#define DRRL_CPROCESS_H

/// Notes `signal` from now on instead of taking its default action; SIGHUP and SIGINT stay ignored where they are. A second
/// SIGINT in a row ends the process with status 130. Returns 0 or an errno value.
int drrl_note_signal(int signal);

/// Ignores `signal` from now on. Returns 0 or an errno value.
int drrl_ignore_signal(int signal);

/// The signal noted last, or 0 when none has come.
int drrl_noted_signal(void);

/// Cores this thread may run on, or an errno value negated.
int drrl_usable_cores(void);

#endif
