// Runs a program with something taken from it: `Hindered <hindrance> … <program> [<argument> …]`, where a hindrance is
//   refuse=<call>  the call fails with EPERM (fork: only fork itself; processes, threads: every way to make
//                  one)
//   hide=<folder>  an empty folder lies over that one
//   files=<n>      a limit; what is inherited besides the standard streams is closed, so that it counts alike everywhere
//   processes=<n>  a limit
//   user=<n>       another user, so that the limit on processes counts for root, too
// If the system does not allow that, it ends with code 77.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { cannot_hinder = 77 };

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"memfd_create", __NR_memfd_create}, {"pidfd_open", __NR_pidfd_open}, {"socketpair", __NR_socketpair},
    {"eventfd2", __NR_eventfd2},         {"epoll_create1", __NR_epoll_create1},
    {"execve", __NR_execve},             {"recvfrom", __NR_recvfrom},   {"prctl", __NR_prctl},
    {"close_range", __NR_close_range},   {"sendmsg", __NR_sendmsg},     {"mmap", __NR_mmap},
};

static void give_up(const char *what) {
    perror(what);
    exit(cannot_hinder);
}

static void install(struct sock_filter *filter, size_t count) {
    struct sock_fprog program = {.len = (unsigned short)count, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) give_up("PR_SET_NO_NEW_PRIVS");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) give_up("PR_SET_SECCOMP");
}

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, skip_then, skip_else) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (skip_then), (skip_else))
#define IF_BITS(value, skip_then, skip_else) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), (skip_then), (skip_else))

// Refuses `clone` with a flag, or without it. What `clone3` is asked for cannot be seen here: without it, the C library uses `clone`.
static void refuse_clone(unsigned flag, int with) {
    struct sock_filter filter[] = {
        LOAD(nr),
        IF_EQUAL(__NR_clone3, 0, 1),
        FAIL(ENOSYS),
        IF_EQUAL(__NR_clone, 0, 2),
        LOAD(args[0]),
        IF_BITS(flag, with ? 1 : 0, with ? 0 : 1),
        ALLOW,
        FAIL(EPERM),
    };
    install(filter, sizeof filter / sizeof *filter);
}

static void refuse(const char *call) {
    // posix_spawn shares its memory with the new process for a while, fork does not.
    if (!strcmp(call, "fork")) return refuse_clone(CLONE_VM, 0);
    if (!strcmp(call, "processes")) return refuse_clone(CLONE_THREAD, 0);
    if (!strcmp(call, "threads")) return refuse_clone(CLONE_THREAD, 1);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (strcmp(call, calls[i].name)) continue;
        struct sock_filter filter[] = {LOAD(nr), IF_EQUAL(calls[i].number, 0, 1), FAIL(EPERM), ALLOW};
        return install(filter, sizeof filter / sizeof *filter);
    }
    fprintf(stderr, "no such call: %s\n", call);
    exit(2);
}

static void hide(const char *folder) {
    if (unshare(CLONE_NEWNS)) give_up("unshare");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) give_up("mount(MS_PRIVATE)");
    if (mount("none", folder, "tmpfs", 0, NULL)) give_up("mount(tmpfs)");
}

static void limit(int resource, const char *value) {
    rlim_t most = (rlim_t)atoll(value);
    if (setrlimit(resource, &(struct rlimit){most, most})) give_up("setrlimit");
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) {
            execv(argv[i], argv + i);
            perror(argv[i]);
            return 127;
        }
        *value++ = 0;
        if (!strcmp(argv[i], "refuse")) refuse(value);
        if (!strcmp(argv[i], "hide")) hide(value);
        if (!strcmp(argv[i], "files")) {
            if (close_range(STDERR_FILENO + 1, ~0U, 0)) give_up("close_range");
            limit(RLIMIT_NOFILE, value);
        }
        if (!strcmp(argv[i], "processes")) limit(RLIMIT_NPROC, value);
        if (!strcmp(argv[i], "user") && setresuid((uid_t)atoi(value), (uid_t)atoi(value), (uid_t)atoi(value)))
            give_up("setresuid");
    }
    return 2;
}
