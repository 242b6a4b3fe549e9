#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "images.h"

#include <dlfcn.h>
#include <link.h>

// Exported by the Swift runtime, which has no public C header.
extern void *swift_allocObject(const void *metadata, size_t size, size_t alignment_mask);
extern char *swift_demangle(const char *mangled, size_t length, char *buffer, size_t *buffer_size, uint32_t flags);

struct iteration {
    int (*body)(const struct cshim_image *, void *);
    void *context;
};

static int forward(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    const struct iteration *iteration = context;
    const struct cshim_image image = {
        .name = info->dlpi_name,
        .base = info->dlpi_addr,
        .program_headers = info->dlpi_phdr,
        .program_header_count = info->dlpi_phnum,
        .images_added = info->dlpi_adds,
        .images_removed = info->dlpi_subs,
    };
    return iteration->body(&image, iteration->context);
}

int cshim_iterate_images(int (*body)(const struct cshim_image *, void *), void *context) {
    struct iteration iteration = {.body = body, .context = context};
    return dl_iterate_phdr(forward, &iteration);
}

const char *cshim_dynamic_symbol(uintptr_t address, uintptr_t *start) {
    Dl_info info;
    if (dladdr((const void *)address, &info) == 0) return NULL;
    *start = (uintptr_t)info.dli_saddr;
    return info.dli_sname;
}

void *cshim_swift_alloc_object(const void *metadata, size_t size, size_t alignment_mask) {
    return swift_allocObject(metadata, size, alignment_mask);
}

char *cshim_swift_demangle(const char *mangled, size_t length) {
    return swift_demangle(mangled, length, NULL, NULL, 0);
}
