// What Swift cannot say of Linux: variadic calls, macros, raw system calls, and the start of the process. No logic but that of the
// start-up hook, which runs before Swift can.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Start of the process (start_hook.c).

// Hidden, since a program may hold several copies of the library, and each asks for itself.
#define CF_EACH_COPY __attribute__((visibility("hidden")))

/// Whether this copy of the library saw the process start, and so could take a worker process over.
CF_EACH_COPY int cf_start_hook_ran(void);
/// Whether this process has rights that its user does not have, so that a new process would not look at the variable either.
CF_EACH_COPY int cf_environment_is_distrusted(void);
/// The name under which the loader knows the image with this copy of the library: tells the copies in one program apart.
CF_EACH_COPY const char *cf_start_hook_image(void);

// Processes (processes.c).

pid_t cf_fork(void);
/// `_exit`, of which the loader need not find the address first.
_Noreturn void cf_exit(int code);
/// Gives a signal its default meaning.
void cf_default_signal(int number);
int cf_pidfd_open(pid_t pid);
int cf_pidfd_send_signal(int pidfd, int signal);
/// Signals the process group that has the process's number, also when the process has ended; `EINVAL` before Linux 6.9.
int cf_pidfd_send_signal_to_group(int pidfd, int signal);
/// How many forks lie between this process and the program's first.
unsigned cf_fork_generation(void);
/// Has functions called by the thread that forks, before each fork of this process, and after it in the parent and in the child; to be called once.
/// `_Fork` and bare system calls do without, as does `posix_spawn`. Tells whether that is so; 0 if the system had refused.
int cf_around_forks(void (*before)(void), void (*after)(void));
int cf_close_range(unsigned first, unsigned last);
int cf_prctl_set_child_subreaper(void);
int cf_prctl_set_parent_death_signal(int signal);
int cf_prctl_set_name(const char *name);
/// By how many nanoseconds the system may put off this thread's timers.
int cf_prctl_get_timer_slack(void);
/// Waits for any child to have ended without reaping it; 0 in `pid` if none has. `-1` and `ECHILD` if there are no children.
int cf_peek_dead_child(int options, pid_t *pid);
/// Waits until the child has ended, and reaps it; tells the signal that ended it, or else 0 and its exit code.
int cf_reap_pidfd(int pidfd, int *signal, int *exit_code);
int cf_wait_status_exited(int status);
int cf_wait_status_exit_code(int status);
int cf_wait_status_signal(int status);
/// Without "SIG"; null if there is no such signal.
const char *cf_signal_name(int signal);
char **cf_environment(void);
extern const short cf_spawn_new_session;
int cf_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

// Memory and descriptors (memory.c).

int cf_memfd_create(const char *name);
int cf_add_seals(int fd, int seals);
int cf_get_seals(int fd);
int cf_pipe(int ends[2]);
int cf_duplicate_above(int fd, int minimum);
/// Makes `number` another name of `fd`, closed on `exec`.
int cf_duplicate_as(int fd, int number);
int cf_set_close_on_exec(int fd, int on);
int cf_is_open(int fd);
int cf_open(const char *path, int flags);
int cf_set_nonblocking(int fd);
/// As `read`, but fails with EAGAIN rather than wait, also where the descriptor is one that waits.
ssize_t cf_read_if_ready(int fd, void *bytes, size_t count);
static const int cf_seal_shrink = 0x0002, cf_seal_grow = 0x0004, cf_seal_seal = 0x0001, cf_seal_write = 0x0008,
                 cf_seal_future_write = 0x0010;
static const int cf_dontfork = 10;        // MADV_DONTFORK
static const int cf_populate_write = 23;  // MADV_POPULATE_WRITE
static const int cf_hugepage = 14;        // MADV_HUGEPAGE

/// How many descriptors one message can carry.
#define CF_DESCRIPTORS_AT_ONCE 80
/// Both return the call's result; `-1` with `errno` on failure. `fds_lost` says whether descriptors were sent for which there is no room.
ssize_t cf_send_with_descriptors(int socket, const void *bytes, size_t count, const int *fds, size_t fd_count);
ssize_t cf_receive_with_descriptors(
    int socket, void *bytes, size_t capacity, int *fds, size_t fd_capacity, size_t *fd_count, int *fds_lost);
ssize_t cf_peek_size(int socket);

/// Whether the elements of an array, with at least `count` bytes, have a mapping of their own that the allocator unmaps as a whole. They begin
/// `header` bytes behind the allocator's.
int cf_has_own_mapping(const void *elements, size_t count, size_t header, size_t page_size);
/// Maps pages of a file over memory, private and writable; -1 if that is refused, and the memory is as usable as before; -2 if it is not.
int cf_map_pages(void *place, size_t count, int fd, off_t offset);
/// Makes pages of a private mapping the mapping's own, as writing to each would; others may write to them meanwhile.
void cf_own_pages(void *place, size_t count, size_t page_size);

/// Copies memory that does not overlap, where the processor can without reading what is written to into its caches (copying.c).
void cf_copy_past_caches(void *to, const void *from, size_t count);

/// Gives back to the system what is free of the heap.
static inline void cf_return_free_memory(void) { malloc_trim(0); }

// Sleeping on a word of shared memory (futex.c).

int cf_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_nanoseconds);
int cf_futex_wake(uint32_t *word, int count);

/// Tells the processor that the caller looks at a word again and again.
static inline void cf_spin_hint(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Has the processor fetch what lies there, which will soon be used and changed, and does not wait for it. Any address will do.
static inline void cf_prefetch(const void *place) { __builtin_prefetch(place, 1); }

// The main queue, as a run loop serves it (exported by libdispatch for that purpose).

int _dispatch_get_main_queue_handle_4CF(void);
void _dispatch_main_queue_callback_4CF(void *);
extern struct dispatch_queue_s _dispatch_main_q;
static inline void *cf_main_queue(void) { return &_dispatch_main_q; }
/// How much of the main queue may be looked at.
static const int cf_main_queue_size = 128;

static inline FILE *cf_stdout(void) { return stdout; }

#include "affinity.h"
#include "images.h"
