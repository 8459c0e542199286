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

/* The command line. All strings are borrowed from argv. */
struct options {
	const char *socket; /* NULL: the next free wayland-N */
	const char *device; /* NULL: the first display controller that does */
	const char *output; /* name of its connector; NULL: the first that is connected */
	bool no_display;
	bool full_repaint; /* what is composed is drawn whole each time */
	bool headless; /* in the mode below, or a default one */
	/* 0: the display's preferred mode, or any refresh rate */
	uint32_t mode_width, mode_height, mode_refresh_mhz;
	int32_t transform; /* of the display: enum wl_output_transform */
	int ready_fd; /* -1: nobody waits */
	enum waybuf_log_level log;
	char **command; /* NULL: none */
};

/*
 * Reads the command line. True: go on. False: there is nothing more to do, and the program ends
 * with *status; what there is to say has been said.
 */
bool options_parse(struct options *options, int argc, char *argv[], int *status);

#endif
