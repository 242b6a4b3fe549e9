#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "affinity.h"

#include <sched.h>

int cf_sched_getaffinity(size_t size, void *mask) {
    return sched_getaffinity(0, size, mask);
}

int cf_sched_setaffinity(size_t size, const void *mask) {
    return sched_setaffinity(0, size, mask);
}
