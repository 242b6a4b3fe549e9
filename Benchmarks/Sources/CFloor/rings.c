#define _GNU_SOURCE
#include "CFloor.h"
#include "clock.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { slots = 4096, looks_before_sleeping = 60, cache_line = 64 };

// As big as a small frame of the library with its header.
struct slot {
    uint64_t number;
    uint64_t padding[7];
};

struct ring {
    _Alignas(cache_line) _Atomic uint64_t tail;
    _Alignas(cache_line) _Atomic uint64_t head;
    // Whether the reader sleeps, and what it sleeps on.
    _Alignas(cache_line) _Atomic uint32_t sleeps;
    _Atomic uint32_t bell;
    struct slot slots[slots];
};

struct rings {
    struct ring requests, replies;
};

static const uint64_t stop = UINT64_MAX;

static bool has_room(struct ring *ring, uint64_t tail) {
    return tail - atomic_load_explicit(&ring->head, memory_order_acquire) < slots;
}

static void ring_bell(struct ring *ring) {
    // With the fence on both sides either the reader sees the slot or the writer sees that it sleeps.
    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&ring->sleeps, memory_order_relaxed)) return;
    if (!atomic_exchange(&ring->sleeps, 0)) return;
    atomic_fetch_add(&ring->bell, 1);
    syscall(SYS_futex, &ring->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void put(struct ring *ring, uint64_t *tail, uint64_t number) {
    ring->slots[*tail % slots].number = number;
    *tail += 1;
    atomic_store_explicit(&ring->tail, *tail, memory_order_release);
    ring_bell(ring);
}

static bool take(struct ring *ring, uint64_t *head, uint64_t *number) {
    if (atomic_load_explicit(&ring->tail, memory_order_acquire) == *head) return false;
    *number = ring->slots[*head % slots].number;
    *head += 1;
    atomic_store_explicit(&ring->head, *head, memory_order_release);
    return true;
}

static uint64_t wait_and_take(struct ring *ring, uint64_t *head) {
    uint64_t number;
    for (int looks = 0; !take(ring, head, &number);) {
        if (++looks < looks_before_sleeping) {
            sched_yield();
            continue;
        }
        uint32_t bell = atomic_load(&ring->bell);
        atomic_store_explicit(&ring->sleeps, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load_explicit(&ring->tail, memory_order_acquire) == *head) {
            syscall(SYS_futex, &ring->bell, FUTEX_WAIT, bell, NULL, NULL, 0);
        }
        atomic_store_explicit(&ring->sleeps, 0, memory_order_relaxed);
    }
    return number;
}

static void serve(struct rings *rings) {
    uint64_t head = 0, tail = 0, number;
    while ((number = wait_and_take(&rings->requests, &head)) != stop) {
        while (!has_room(&rings->replies, tail)) sched_yield();
        put(&rings->replies, &tail, number * number);
    }
    _exit(0);
}

struct pair {
    struct rings *rings;
    pid_t server;
    // Where this side writes and reads.
    uint64_t tail, head;
};

static bool begin(struct pair *pair) {
    memset(pair, 0, sizeof *pair);
    pair->rings = mmap(
        NULL, sizeof *pair->rings, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pair->rings == MAP_FAILED) return false;
    pair->server = fork();
    if (pair->server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(pair->rings);
    }
    if (pair->server > 0) return true;
    munmap(pair->rings, sizeof *pair->rings);
    return false;
}

static bool end(struct pair *pair) {
    put(&pair->rings->requests, &pair->tail, stop);
    int status = 0;
    bool ended = waitpid(pair->server, &status, 0) == pair->server && status == 0;
    munmap(pair->rings, sizeof *pair->rings);
    return ended;
}

int floor_round_trips(size_t count, uint64_t *nanoseconds) {
    struct pair pair;
    if (!begin(&pair)) return -1;
    bool right = true;
    for (uint64_t number = 0; number < count; number++) {
        uint64_t start = nanoseconds_now();
        put(&pair.rings->requests, &pair.tail, number);
        right &= wait_and_take(&pair.rings->replies, &pair.head) == number * number;
        nanoseconds[number] = nanoseconds_now() - start;
    }
    return end(&pair) && right ? 0 : -1;
}

double floor_messages_per_second(size_t count) {
    struct pair pair;
    if (!begin(&pair)) return -1;
    bool right = true;
    uint64_t start = nanoseconds_now();
    for (uint64_t sent = 0, received = 0; received < count;) {
        while (sent < count && has_room(&pair.rings->requests, pair.tail)) {
            put(&pair.rings->requests, &pair.tail, sent);
            sent += 1;
        }
        uint64_t square = wait_and_take(&pair.rings->replies, &pair.head);
        do {
            right &= square == received * received;
            received += 1;
        } while (take(&pair.rings->replies, &pair.head, &square));
    }
    double seconds = (double)(nanoseconds_now() - start) / 1e9;
    return end(&pair) && right ? (double)count / seconds : -1;
}
