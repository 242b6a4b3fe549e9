// The program's own `malloc`: glibc's, and a count of what each thread has taken.
#define _GNU_SOURCE
#include "CAllocationCount.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OTHER_ALLOCATOR 1
#endif
#endif

#ifdef HAS_OTHER_ALLOCATOR

int allocation_count_is_real(void) { return 0; }
void allocation_count_begin(void) {}
struct allocation_count allocation_count_end(void) { return (struct allocation_count){0, 0}; }

#else

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

// What was allocated before and is freed during a count makes it negative.
static _Thread_local int counting;
static _Thread_local ptrdiff_t live, peak;
static _Thread_local size_t largest;

int allocation_count_is_real(void) { return 1; }

void allocation_count_begin(void) {
    live = peak = 0;
    largest = 0;
    counting = 1;
}

struct allocation_count allocation_count_end(void) {
    counting = 0;
    return (struct allocation_count){(size_t)peak, largest};
}

static void *taken(void *memory, size_t wanted) {
    if (!counting) return memory;
    if (wanted > largest) largest = wanted;
    if (memory) live += (ptrdiff_t)malloc_usable_size(memory);
    if (live > peak) peak = live;
    return memory;
}

static void given_back(void *memory) {
    if (counting && memory) live -= (ptrdiff_t)malloc_usable_size(memory);
}

void *malloc(size_t size) { return taken(__libc_malloc(size), size); }

void *calloc(size_t count, size_t size) {
    size_t wanted;
    if (__builtin_mul_overflow(count, size, &wanted)) wanted = (size_t)-1;
    return taken(__libc_calloc(count, size), wanted);
}

void *realloc(void *memory, size_t size) {
    // While it copies there may be both.
    if (counting) {
        if (size > largest) largest = size;
        if (live + (ptrdiff_t)size > peak) peak = live + (ptrdiff_t)size;
    }
    given_back(memory);
    void *moved = __libc_realloc(memory, size);
    if (!moved && size > 0 && memory) return taken(memory, 0), NULL;
    return taken(moved, size);
}

void *memalign(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size), size); }

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory) {
    given_back(memory);
    __libc_free(memory);
}

#endif
