#define _GNU_SOURCE
#include "CSystemShims.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int cf_memfd_create(const char *name) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    // Kernels before 6.3 do not know the flag.
    if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

int cf_add_seals(int fd, int seals) { return fcntl(fd, F_ADD_SEALS, seals); }

int cf_get_seals(int fd) { return fcntl(fd, F_GET_SEALS); }

int cf_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cf_duplicate_above(int fd, int minimum) { return fcntl(fd, F_DUPFD_CLOEXEC, minimum); }

int cf_duplicate_as(int fd, int number) { return dup3(fd, number, O_CLOEXEC); }

int cf_set_close_on_exec(int fd, int on) { return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0); }

int cf_is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int cf_open(const char *path, int flags) { return open(path, flags); }

int cf_set_nonblocking(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

ssize_t cf_read_if_ready(int fd, void *bytes, size_t count) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    return preadv2(fd, &part, 1, -1, RWF_NOWAIT);
}

ssize_t cf_send_with_descriptors(int socket, const void *bytes, size_t count, const int *fds, size_t fd_count) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    union {
        char space[CMSG_SPACE(sizeof(int) * CF_DESCRIPTORS_AT_ONCE)];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > CF_DESCRIPTORS_AT_ONCE) {
        errno = EINVAL;
        return -1;
    }
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t cf_receive_with_descriptors(
    int socket, void *bytes, size_t capacity, int *fds, size_t fd_capacity, size_t *fd_count, int *fds_lost) {
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    union {
        char space[CMSG_SPACE(sizeof(int) * CF_DESCRIPTORS_AT_ONCE)];
        struct cmsghdr align;
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    *fd_count = 0;
    *fds_lost = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    *fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            if (*fd_count < fd_capacity)
                fds[(*fd_count)++] = fd;
            else
                close(fd);
        }
    }
    return received;
}

ssize_t cf_peek_size(int socket) { return recv(socket, NULL, 0, MSG_PEEK | MSG_TRUNC); }

// The allocator keeps two words before its memory: what lies before, and the size with three flags. What has a mapping of its own is flagged so,
// and begins with its page. Other allocators have other words there, which an address sanitizer does not allow to be read.
__attribute__((no_sanitize("address", "thread"))) int cf_has_own_mapping(
    const void *elements, size_t count, size_t header, size_t page_size) {
    const size_t flags = 7, is_mapped = 2;
    if ((uintptr_t)elements % page_size != header) return 0;
    const size_t *chunk = (const size_t *)((uintptr_t)elements - header);
    size_t size = chunk[1] & ~flags;
    return chunk[0] == 0 && (chunk[1] & flags) == is_mapped && size % page_size == 0 && size >= header + count;
}

int cf_map_pages(void *place, size_t count, int fd, off_t offset) {
    const int protection = PROT_READ | PROT_WRITE;
    if (mmap(place, count, protection, MAP_PRIVATE | MAP_FIXED, fd, offset) == place) return 0;
    if (errno == EINVAL || errno == EACCES || errno == EPERM || errno == EBADF || errno == ENODEV) return -1;
    // Mostly the memory is still there; but where there was not enough, it may be gone by now.
    void *again = mmap(place, count, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (again == place || (again == MAP_FAILED && errno == EEXIST)) return -1;
    return -2;
}

void cf_own_pages(void *place, size_t count, size_t page_size) {
    if (madvise(place, count, cf_populate_write) == 0) return;
    // Kernels before 5.14 do not know it. Volatile, or the compiler leaves out what changes nothing.
    for (size_t offset = 0; offset < count; offset += page_size) {
        __atomic_fetch_or((volatile unsigned char *)place + offset, 0, __ATOMIC_RELAXED);
    }
}
