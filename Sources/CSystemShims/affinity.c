#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "affinity.h"

#include <sched.h>

int cf_sched_getaffinity(size_t size, void *mask) {
    return sched_getaffinity(0, size, mask);
}
