#include "CSystemShims.h"

#if defined(__x86_64__)
#include <immintrin.h>

// A line of each of four pages in turn, so that several rows of memory are read and written at once.
#define PAGE ((size_t)4096)
#define PAGES ((size_t)4)
#define LINE ((size_t)64)

__attribute__((target("avx512f"))) static void copy_pages(char *to, const char *from, size_t count) {
    for (size_t group = 0; group < count; group += PAGES * PAGE) {
        for (size_t line = 0; line < PAGE; line += LINE) {
            for (size_t page = 0; page < PAGES; page++) {
                size_t place = group + page * PAGE + line;
                _mm512_stream_si512((void *)(to + place), _mm512_loadu_si512(from + place));
            }
        }
    }
    _mm_sfence();
}

void cf_copy_past_caches(void *to, const void *from, size_t count) {
    if (__builtin_cpu_supports("avx512f")) {
        size_t head = -(uintptr_t)to % LINE;
        if (head > count) head = count;
        size_t middle = (count - head) / (PAGES * PAGE) * (PAGES * PAGE);
        memcpy(to, from, head);
        copy_pages((char *)to + head, (const char *)from + head, middle);
        to = (char *)to + head + middle;
        from = (const char *)from + head + middle;
        count -= head + middle;
    }
    memcpy(to, from, count);
}
#else
void cf_copy_past_caches(void *to, const void *from, size_t count) { memcpy(to, from, count); }
#endif
