#pragma once

#include <stddef.h>

/// What the calling thread has allocated since ``allocation_count_begin``.
struct allocation_count {
    /// The most bytes that were allocated and not yet freed at one time.
    size_t peak;
    /// The most bytes that were asked for at once.
    size_t largest;
};

/// Whether allocations are counted; a sanitizer has an allocator of its own.
int allocation_count_is_real(void);
void allocation_count_begin(void);
struct allocation_count allocation_count_end(void);
