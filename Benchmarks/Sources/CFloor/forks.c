#include "CFloor.h"
#include "clock.h"

#include <sys/wait.h>
#include <unistd.h>

double floor_forks_per_second(size_t count) {
    uint64_t start = nanoseconds_now();
    for (size_t number = 0; number < count; number++) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return -1;
    }
    return (double)count / ((double)(nanoseconds_now() - start) / 1e9);
}
