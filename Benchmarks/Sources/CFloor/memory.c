#define _GNU_SOURCE
#include "CFloor.h"
#include "clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int floor_copies(size_t size, size_t repetitions, uint64_t *nanoseconds) {
    int protection = PROT_READ | PROT_WRITE;
    char *shared = mmap(NULL, size, protection, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    char *own = malloc(size);
    int result = -1;
    if (shared != MAP_FAILED && own) {
        memset(own, 7, size);
        memset(shared, 1, size);
        for (size_t repetition = 0; repetition < repetitions; repetition++) {
            uint64_t start = nanoseconds_now();
            memcpy(shared, own, size);
            nanoseconds[repetition] = nanoseconds_now() - start;
        }
        result = memcmp(shared, own, size) == 0 ? 0 : -1;
    }
    free(own);
    if (shared != MAP_FAILED) munmap(shared, size);
    return result;
}
