#pragma once
#include <stddef.h>
#include <stdint.h>

/// `struct dl_phdr_info`, which Swift does not see without `_GNU_SOURCE`.
struct cshim_image {
    const char *name;
    uintptr_t base;
    const void *program_headers;
    size_t program_header_count;
    uint64_t images_added;
    uint64_t images_removed;
    /// The calling thread's copy of the image's thread-local variables, or null if it has none.
    void *thread_locals;
};

/// `dl_iterate_phdr`: calls `body` for each image until it returns another value than 0.
int cshim_iterate_images(int (*body)(const struct cshim_image *image, void *context), void *context);

/// `dladdr`: the dynamic symbol that begins at or before `address`, or null.
const char *cshim_dynamic_symbol(uintptr_t address, uintptr_t *start);

/// The records of the types that an image declares, as the Swift runtime knows them: calls `body` for each image.
void cshim_iterate_type_records(void (*body)(const int32_t *records, size_t count, void *context), void *context);

/// `swift_allocObject`: a heap object with one reference, which belongs to the caller.
void *cshim_swift_alloc_object(const void *metadata, size_t size, size_t alignment_mask);

/// Has an object live for ever, so that references to it are not counted any more, if the Swift runtime can do that.
void cshim_swift_immortalize(void *object);

/// `swift_demangle`: a readable name, to be freed by the caller, or null.
char *cshim_swift_demangle(const char *mangled, size_t length);
