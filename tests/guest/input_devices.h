/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INPUT_DEVICES_H
#define TESTS_INPUT_DEVICES_H

#include <stdint.h>

/*
 * Input devices that are made for a test, with uinput. There is no udevd in the guest to tell others
 * of them, so what it would have written is written here; they must be there before whoever looks
 * for them starts.
 */

enum input_kind { INPUT_MOUSE, INPUT_KEYBOARD, INPUT_TOUCH_SCREEN };

/* Touch screens have positions from 0 to this one in both directions. */
#define INPUT_TOUCH_MAX 1000

struct input_device {
	int fd; /* of uinput */
	char record[64]; /* path of what udev knows */
};

/* Skips without uinput. */
void input_device_init(struct input_device *device, enum input_kind kind);
void input_device_finish(struct input_device *device);

/* An event as in linux/input-event-codes.h. */
void input_device_send(struct input_device *device, uint16_t type, uint16_t code, int32_t value);
/* What came since the last one happens now. */
void input_device_sync(struct input_device *device);

#endif
