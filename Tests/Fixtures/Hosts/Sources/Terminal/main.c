// Runs a program in the foreground of a terminal of its own, and types Ctrl-C as soon as it prints "ready":
// `Terminal <program> [<argument> …]`. Its output and its exit code become this program's.
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    int terminal;
    pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    if (pid < 0) {
        perror("forkpty");
        return 1;
    }
    if (pid == 0) {
        execv(argv[1], argv + 1);
        perror("execv");
        _exit(127);
    }
    char text[4096] = "";
    size_t count = 0;
    int typed = 0;
    ssize_t received;
    while (count < sizeof text - 1 && (received = read(terminal, text + count, sizeof text - 1 - count)) > 0) {
        fwrite(text + count, 1, (size_t)received, stdout);
        count += (size_t)received;
        text[count] = 0;
        if (!typed && strstr(text, "ready")) typed = write(terminal, "\003", 1) == 1;
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
