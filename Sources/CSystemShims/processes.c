#define _GNU_SOURCE
#include "CSystemShims.h"

#include <pthread.h>
#include <sys/syscall.h>

// Numbers are the same on every architecture; older headers lack the names.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static unsigned fork_generation;
static int forks_are_watched;
static _Atomic(void (*)(void)) before_fork;
static void (*after_fork)(void);
static _Thread_local int was_prepared;

static void prepare_fork(void) {
    void (*before)(void) = before_fork;
    was_prepared = before != NULL;
    if (before) before();
}

static void forked_parent(void) {
    if (was_prepared) after_fork();
    was_prepared = 0;
}

static void forked_child(void) {
    fork_generation++;
    forked_parent();
}

// Before anybody else in the program can register: so these come last before a fork, and first after it, and nobody's own are called with what they
// hold. In a constructor it also is before any thread could be in the middle of it.
__attribute__((constructor)) static void watch_forks(void) {
    forks_are_watched = pthread_atfork(prepare_fork, forked_parent, forked_child) == 0;
}

unsigned cf_fork_generation(void) { return fork_generation; }

int cf_around_forks(void (*before)(void), void (*after)(void)) {
    after_fork = after;
    before_fork = before;
    return forks_are_watched;
}

pid_t cf_fork(void) { return fork(); }

void cf_exit(int code) {
    for (;;) syscall(SYS_exit_group, code);
}

void cf_default_signal(int number) { signal(number, SIG_DFL); }

int cf_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int cf_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int cf_pidfd_send_signal_to_group(int pidfd, int signal) {
    const unsigned process_group = 1u << 2;  // PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, process_group);
}

int cf_close_range(unsigned first, unsigned last) { return (int)syscall(SYS_close_range, first, last, 0); }

int cf_prctl_set_child_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int cf_prctl_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

int cf_prctl_get_timer_slack(void) { return prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0); }

int cf_prctl_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

int cf_peek_dead_child(int options, pid_t *pid) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int result = waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | options);
    *pid = info.si_pid;
    return result;
}

int cf_reap_pidfd(int pidfd, int *signal, int *exit_code) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    // P_PIDFD, which older headers lack.
    int result = waitid((idtype_t)3, (id_t)pidfd, &info, WEXITED);
    *signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    *exit_code = info.si_code == CLD_EXITED ? info.si_status : 0;
    return result;
}

int cf_wait_status_exited(int status) { return WIFEXITED(status); }

int cf_wait_status_exit_code(int status) { return WEXITSTATUS(status); }

int cf_wait_status_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

char **cf_environment(void) { return environ; }

const short cf_spawn_new_session = POSIX_SPAWN_SETSID;

int cf_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

const char *cf_signal_name(int signal) { return sigabbrev_np(signal); }
