#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "images.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>

// Exported by the Swift runtime, which has no public C header.
extern void *swift_allocObject(const void *metadata, size_t size, size_t alignment_mask);
extern void swift_enumerateAllMetadataSections(bool (*body)(const void *sections, void *context), void *context);
// Weak, because other versions of the runtime may not have it.
extern void _swift_stdlib_immortalize(void *object) __attribute__((weak));
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
        .thread_locals = info->dlpi_tls_data,
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

// The beginning of the runtime's `MetadataSections`, which is the same in all of its versions.
struct metadata_sections {
    uintptr_t version;
    const void *unused[3];
    struct {
        uintptr_t start;
        size_t length;
    } protocols, conformances, types;
};

struct type_records_iteration {
    void (*body)(const int32_t *, size_t, void *);
    void *context;
};

static bool forward_type_records(const void *image, void *context) {
    const struct metadata_sections *sections = image;
    const struct type_records_iteration *iteration = context;
    iteration->body((const int32_t *)sections->types.start, sections->types.length / sizeof(int32_t), iteration->context);
    return true;
}

void cshim_iterate_type_records(void (*body)(const int32_t *, size_t, void *), void *context) {
    struct type_records_iteration iteration = {.body = body, .context = context};
    swift_enumerateAllMetadataSections(forward_type_records, &iteration);
}

void *cshim_swift_alloc_object(const void *metadata, size_t size, size_t alignment_mask) {
    return swift_allocObject(metadata, size, alignment_mask);
}

void cshim_swift_immortalize(void *object) {
    if (_swift_stdlib_immortalize) _swift_stdlib_immortalize(object);
}

char *cshim_swift_demangle(const char *mangled, size_t length) {
    return swift_demangle(mangled, length, NULL, NULL, 0);
}
