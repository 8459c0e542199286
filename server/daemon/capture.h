/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CAPTURE_H
#define DAEMON_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-server-core.h>

struct daemon;
struct output;
struct scene;
struct waybuf_kms_state;

/*
 * ext-image-copy-capture of an output, into wl_shm buffers and dma-bufs.
 *
 * Where the CRTC has a writeback connector the pixels are what the display hardware made of the
 * frame, which is what a test wants to see. It writes them into the client's dma-buf, where there is
 * one, it takes that, and nobody else waits for the same picture; else into an image of our own, and
 * they are copied. Elsewhere the worker composes the scene that is shown a second time. What is
 * copied is what is new since the session's last frame, and what the client asks for.
 *
 * One capture is under way at a time, and serves those who wait when it begins, a few at most.
 */

/* Offers both globals. False: no memory. */
bool capture_create_globals(struct daemon *daemon);
/* Gives the output what captures it. False: no memory. */
bool capture_create(struct output *output);
/* Before the output's device goes. */
void capture_destroy(struct output *output);

/* The output is gone: sessions end. */
void capture_stop(struct output *output);
/* The output is switched off: who waits for the first picture of a session gets none. */
void capture_darken(struct output *output);
/* The output is another one, with another size perhaps; nothing is being captured. */
void capture_relit(struct output *output);
/* Whether something reads the output's images. */
bool capture_busy(const struct output *output);

/* A scene was made. */
void capture_miss(struct output *output, const struct scene *scene);
/* The picture on the screen is another one, if only in name. */
void capture_flipped(struct output *output);
/* Starts a capture if somebody waits for one and the device is free. */
void capture_poke(struct output *output);

/* Adds a capture to the commit of @state if somebody waits; capture_joined() ends what it began. */
bool capture_join(struct output *output, struct waybuf_kms_state *state);
void capture_joined(struct output *output, int error);
/* From the device: the writeback is over. */
void capture_written(struct output *output, int error);

#endif
