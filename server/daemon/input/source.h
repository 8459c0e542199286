/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_SOURCE_H
#define DAEMON_INPUT_SOURCE_H

struct input_source;
struct seat;

/* Where input comes from. It counts its devices (seat_set_devices()), and tells what they do. */
struct input_source_ops {
	const char *name;
	/* @seat is borrowed, and outlives it. 0, or a negative errno. */
	int (*create)(struct seat *seat, struct input_source **out);
	/* Lets its devices go, and opens them again. */
	void (*pause)(struct input_source *source);
	void (*resume)(struct input_source *source);
	/* NULL is a no-op. */
	void (*destroy)(struct input_source *source);
};

/* All devices of seat0, as udev has them, through libinput. */
extern const struct input_source_ops input_source_libinput;

#endif
