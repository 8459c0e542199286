/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <waybuf/log.h>

/* Exit codes of the program itself; a COMMAND's status passes through. */
enum {
	EXIT_RUNTIME = 1,
	EXIT_USAGE = 2,
	EXIT_CANNOT_EXEC = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNALLED = 128, /* plus the signal that ended the COMMAND */
};

/* Of a display: 0 is what it prefers, or any refresh rate. */
struct options_mode {
	uint32_t width, height, refresh_mhz;
};

enum { OPTIONS_MOST_OUTPUTS = 16 };

/* What was said of one display. */
struct options_output {
	char name[32];
	bool off;
	bool has_transform;
	int32_t transform;
	struct options_mode mode; /* 0: the common one */
	uint32_t scale; /* likewise; in parts of GEOMETRY_SCALE_ONE */
};

/* An output without a display. */
struct options_headless {
	struct options_mode mode; /* 0: the common one */
	uint32_t scale; /* likewise */
};

/* Who composes. */
enum options_renderer { RENDERER_AUTO, RENDERER_PIXMAN, RENDERER_GLES };

/* The command line. All strings are borrowed from argv. */
struct options {
	const char *socket; /* NULL: the next free wayland-N */
	const char *device; /* NULL: the first display controller that does */
	struct options_output outputs[OPTIONS_MOST_OUTPUTS];
	unsigned n_outputs;
	bool only_named; /* displays that are among those; else all but those that are off */
	bool no_display;
	uint32_t idle_off_s; /* so long without input, and displays are switched off; 0: never */
	enum options_renderer renderer;
	bool full_repaint; /* what is composed is drawn whole each time */
	struct options_headless headless[OPTIONS_MOST_OUTPUTS];
	unsigned n_headless;
	struct options_mode mode; /* of those that have none of their own */
	int32_t transform; /* likewise: enum wl_output_transform */
	uint32_t scale; /* likewise, in parts of GEOMETRY_SCALE_ONE; 0: that is 1 */
	int ready_fd; /* -1: nobody waits */
	enum waybuf_log_level log;
	char **command; /* NULL: none */
};

/*
 * Reads the command line. True: go on. False: there is nothing more to do, and the program ends
 * with *status; what there is to say has been said.
 */
bool options_parse(struct options *options, int argc, char *argv[], int *status);
/* The scale of one that has @own; 0: none of its own. */
uint32_t options_scale(const struct options *options, uint32_t own);
/* What was said of the display @name; NULL: nothing. */
const struct options_output *options_find_output(const struct options *options, const char *name);

#endif
