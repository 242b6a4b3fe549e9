// How a process that the library started becomes a fork server or a worker instead of running the program's `main`.
//
// The definition of `__libc_start_main` below goes before the C library's, since the program and its libraries are searched first. It
// hands everything on to the real one and only replaces `main`, so that every image is initialised, in order, before the library's own
// code runs. It is weak, or a statically linked executable would define the symbol twice and not link.
#define _GNU_SOURCE
#include "CSystemShims.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>

typedef int (*main_function)(int, char **, char **);
typedef int (*start_function)(
    main_function, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

/// Defined in Swift. Hidden, so that each copy of the library in a program calls its own.
extern int concurrent_futures_process_main(int bootstrap) __attribute__((visibility("hidden")));

static int hook_ran;
static int bootstrap_socket = -1;

int cf_start_hook_ran(void) { return hook_ran; }

int cf_environment_is_distrusted(void) { return getauxval(AT_SECURE) != 0; }

const char *cf_start_hook_image(void) {
    Dl_info info;
    struct link_map *image = NULL;
    if (!dladdr1((void *)&cf_start_hook_image, &info, (void **)&image, RTLD_DL_LINKMAP) || !image) return "";
    return image->l_name;
}

static int library_main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    return concurrent_futures_process_main(bootstrap_socket);
}

static int no_main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    fputs("a process of a pool does not find what it was started with, and ends\n", stderr);
    return 1;
}

// The variable holds "descriptor:parent:token:image". It counts only if this copy of the library is meant and the descriptor is a socket
// with the same token waiting in it; whoever merely inherits the variable runs its own main. But where the process named there did start
// this one, the program's main would only do the same again, without end: then it is another copy that takes over, or nothing runs.
static main_function main_for_this_process(main_function program_main) {
    const char *variable = secure_getenv("CONCURRENT_FUTURES_BOOTSTRAP");
    if (!variable) return program_main;
    int fd = -1, parent = -1, end = 0;
    char token[128] = {0}, waiting[128] = {0};
    if (sscanf(variable, "%d:%d:%127[0-9a-f]:%n", &fd, &parent, token, &end) != 3 || end == 0) return program_main;
    main_function other_main = parent == getppid() ? no_main : program_main;
    if (strcmp(variable + end, cf_start_hook_image()) != 0) return other_main;
    ssize_t received = recv(fd, waiting, sizeof waiting - 1, MSG_PEEK | MSG_DONTWAIT);
    int matches = received > 16 && strcmp(token, waiting) == 0;
    unsetenv("CONCURRENT_FUTURES_BOOTSTRAP");
    if (!matches) return other_main;
    recv(fd, waiting, sizeof waiting - 1, MSG_DONTWAIT);
    bootstrap_socket = fd;
    return library_main;
}

__attribute__((weak, visibility("default"))) int __libc_start_main(
    main_function program_main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
    void *stack_end) {
    hook_ran = 1;
    start_function next = (start_function)dlsym(RTLD_NEXT, "__libc_start_main");
    return next(main_for_this_process(program_main), argc, argv, init, fini, rtld_fini, stack_end);
}
