/* SPDX-License-Identifier: MIT */
#ifndef TESTS_OUTPUTS_H
#define TESTS_OUTPUTS_H

#include "daemon_fixture.h"
#include "xdg-output-unstable-v1-client-protocol.h"

/* A client that looks after all outputs there are, and windows that note which of them they are on. */

#define MOST_SEEN 16

struct seen_output {
	struct wl_output *output; /* NULL: it is gone */
	struct zxdg_output_v1 *xdg;
	uint32_t global;
	char name[32];
	int32_t x, y, width, height; /* wl_output's: of the mode */
	int32_t logical_x, logical_y, logical_width, logical_height;
	int32_t scale;
	int done; /* events */
};

struct outputs {
	struct client *client;
	struct wl_registry *registry;
	struct zxdg_output_manager_v1 *manager;
	struct seen_output list[MOST_SEEN]; /* in the order in which they came */
	int n, added, removed;
};

void outputs_init(struct outputs *outputs, struct client *client);
void outputs_finish(struct outputs *outputs);
/* The one that is there with @name; NULL: there is none. */
struct seen_output *outputs_get(struct outputs *outputs, const char *name);

/* A window with one picture of the size that it was told last. */
struct placed {
	struct window window;
	struct picture picture;
	struct wl_output *on; /* NULL: nowhere */
	int entered, left; /* of outputs in struct outputs */
};

/* On @output (NULL: where the server likes), with a picture that @seed makes another one. */
void placed_init(struct placed *placed, struct client *client, const struct seen_output *output,
	enum picture_memory memory, uint32_t seed);
void placed_finish(struct placed *placed);
/* Another picture, for another size. */
void placed_redraw(struct placed *placed, enum picture_memory memory, uint32_t seed);

/* Whether @output shows just @picture from its top left corner on, and black elsewhere. NULL: black */
void expect_on(struct client *client, const struct seen_output *output, struct picture *picture);

#endif
