#pragma once

#include <stddef.h>

/// Writes the CPUs that the calling thread may run on into a mask of `size` bytes; fails with EINVAL if it is too small.
int cf_sched_getaffinity(size_t size, void *mask);
