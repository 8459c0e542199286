/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_MACHINE_H
#define TESTS_FAKE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What else waybufd finds on a machine, for one that runs in the test's own process, on fake/libdrm.h
 * and fake/sync.h: the device is the fake one, hotplug is said by the test, images of the display's
 * own are plain memory, the CPU waits for no fence, and time stands still until it is told to go on.
 * Modules of ours are replaced at link time; the clock, libwayland's timers and render_start() by the
 * linker's --wrap.
 */

/* What its display has: little, so that composing it takes no time. */
enum { FAKE_MACHINE_WIDTH = 64, FAKE_MACHINE_HEIGHT = 48 };

/* At 1000 ms. The timers of those who were here before must be gone. */
void fake_machine_init(void);
uint64_t fake_machine_now_ms(void);
/* Goes on by @ms, and runs the timers that are due, each at its time. */
void fake_machine_advance(uint64_t ms);
/* Goes on by @ms while nobody runs: timers that are due meanwhile are late. */
void fake_machine_oversleep(uint64_t ms);

/* The kernel says that a display was plugged in or out, or that the device is @gone. */
void fake_machine_uevent(bool gone);
/* Whether the worker has been given @memory to read, and has not done it. */
bool fake_machine_composes(ino_t memory);
bool fake_machine_composing(void);

/* How often caches were flushed for a device, and what comes of it from now on: 0, or an error. */
int fake_machine_flushes(void);
void fake_machine_fail_flush(int error);

#endif
