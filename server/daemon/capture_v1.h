/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CAPTURE_V1_H
#define DAEMON_CAPTURE_V1_H

#include "render.h"

struct waybuf_kms_dumb;

/* What capture.c and capture_v1.c share. */
struct capture {
	struct output *output;
	struct wl_list frames; // capture_frame.link, those that wait
	struct wl_list served; // capture_frame.link, those the capture under way is for
	struct wl_list sessions; // capture_session.link, those that can capture
	bool writing; /* a commit with a writeback is not over */
	struct wl_list copies; // capture_copy.link, those that the worker has not finished
	bool no_writeback;
	struct waybuf_kms_dumb *dumb; /* what the writeback connector writes into */
	uint64_t sequence; /* of the picture on the screen */
};

struct capture_session {
	struct wl_resource *resource; /* NULL once the client has destroyed it */
	struct capture *capture;
	struct capture_frame *frame; /* at most one at a time */
	bool stopped; /* there is nothing to be captured */
	uint64_t sequence; /* of the picture captured last; 0: none so far */
	unsigned refs; /* the resource and its frame */
	struct wl_list link; // capture.sessions, or in none
};

struct capture_frame {
	struct wl_resource *resource;
	struct capture_session *session;
	struct wl_resource *buffer; /* attached; NULL: none */
	struct wl_listener buffer_destroyed;
	bool requested;
	struct capture_copy *copy; /* under way */
	struct wl_list link; // capture.frames or .served, or in neither
};

/* One copy on the worker. It survives its frame. */
struct capture_copy {
	struct render_job job;
	struct scene *scene; /* NULL: from the writeback */
	struct capture_frame *frame; /* NULL once the client has destroyed it */
	struct shm_buffer *buffer;
	uint64_t sequence;
	struct wl_list link; // capture.copies
};

bool capture_globals_create(struct capture *capture);

/* Whether there is something to capture for it that it has not seen. */
bool capture_frame_due(const struct capture_frame *frame);
/* Takes the frame off its list, and its buffer as the target of the job. */
void capture_copy_init(struct capture_copy *copy, struct capture_frame *frame);
/* Tells the client, and lets the buffer go. @time_ns: when the picture was shown. */
void capture_copy_finish(struct capture_copy *copy, int error, uint64_t time_ns);
void capture_frame_fail(struct capture_frame *frame);
/* There is nothing to be captured any more. */
void capture_session_stop(struct capture_session *session);

#endif
