// What the machine can do without any pool: the least that a call to another process, a big value and a new process cost.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Two processes over a bare pair of rings in shared memory. Both wait as the library does, only always equally long: sixty looks, letting
// others run in between, then a sleep on a word that the other side wakes. The other process squares each number it is sent. All return -1 if the system refuses something.

/// Sends one number at a time and waits for its square.
///
/// `nanoseconds` gets the time of each of the `count` calls. Returns 0.
int floor_round_trips(size_t count, uint64_t *nanoseconds);

/// Keeps as many numbers under way as the rings hold. Returns the squares a second.
double floor_messages_per_second(size_t count);

/// Copies `size` bytes into shared memory that was written before, `repetitions` times. `nanoseconds` gets the time of each copy. Returns 0.
int floor_copies(size_t size, size_t repetitions, uint64_t *nanoseconds);

/// Forks children that exit at once and waits for each, `count` times. Returns how many a second.
double floor_forks_per_second(size_t count);
