#pragma once

#include <stddef.h>

/// Writes the CPUs that the calling thread may run on into a mask of `size` bytes; fails with EINVAL if it is too small.
int cf_sched_getaffinity(size_t size, void *mask);

/// Lets the calling thread run on the CPUs of a mask of `size` bytes alone; bits beyond it are zero.
int cf_sched_setaffinity(size_t size, const void *mask);
