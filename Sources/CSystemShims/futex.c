#define _GNU_SOURCE
#include "CSystemShims.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

int cf_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_nanoseconds) {
    struct timespec timeout = {timeout_nanoseconds / 1000000000, timeout_nanoseconds % 1000000000};
    return (int)syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout_nanoseconds < 0 ? NULL : &timeout, NULL, 0);
}

int cf_futex_wake(uint32_t *word, int count) { return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0); }
