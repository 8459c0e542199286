/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CAPTURE_V1_H
#define DAEMON_CAPTURE_V1_H

#include "capture_target.h"
#include "damage.h"
#include "fence/wait.h"
#include "picture.h"
#include "render.h"

struct waybuf_account;
struct waybuf_kms_dumb;

/* What capture.c, capture_frame.c and capture_v1.c share. */
struct capture {
	struct output *output;
	struct wl_list frames; // capture_frame.link, those that wait
	struct wl_list served; // capture_frame.link, those the capture under way is for
	struct wl_list sessions; // capture_session.link, those that can capture
	struct wl_list sources; // ext_image_capture_source_v1, by wl_resource_get_link()
	bool writing; /* a commit with a writeback is not over */
	/* into that target; NULL: into the dumb. And for whom; NULL once that is gone */
	struct capture_target *written;
	struct capture_frame *direct;
	struct wl_list copies; // capture_copy.link, those that the worker has not finished
	bool no_writeback;
	struct waybuf_kms_dumb *dumb; /* what the writeback connector writes into for all others */
	struct render_import *import; /* of that, as a GPU reads it; NULL: none has tried */
	uint64_t sequence, shown_ns; /* of the picture on the screen, and since when it is there */
	struct picture picture, next; /* it, and the one that comes */
	bool known; /* it is that */
	pixman_region32_t difference;
};

struct capture_session {
	struct wl_resource *resource; /* NULL once the client has destroyed it */
	const struct wl_client *client;
	struct capture *capture; /* not to be looked at when it is stopped */
	struct capture_frame *frame; /* at most one at a time */
	bool stopped; /* there is nothing to be captured */
	uint64_t sequence; /* of the picture captured last; 0: none so far */
	struct damage damage; /* what is new since then, on the output */
	unsigned refs; /* the resource and its frame */
	struct wl_list link; // capture.sessions, or in none
};

struct capture_frame {
	struct wl_resource *resource;
	struct capture_session *session;
	struct wl_resource *buffer; /* attached; NULL: none */
	struct wl_listener buffer_destroyed;
	struct damage damage; /* what the client wants written, in the buffer */
	bool requested;
	struct capture_target *target; /* since then */
	struct waybuf_fence_wait wait; /* pending: for fences of the target */
	struct waybuf_source *deadline; /* of that; NULL: none */
	struct waybuf_account *payer; /* of the fence's fd, meanwhile; NULL: nobody */
	struct capture_copy *copy; /* under way */
	struct capture *direct; /* whose .direct it is; NULL: nobody's */
	struct wl_list link; // capture.frames or .served, or in neither
};

/* One copy on the worker. It survives its frame. */
struct capture_copy {
	struct render_job job;
	struct scene *scene; /* NULL: from the writeback */
	struct capture_frame *frame; /* NULL once the client has destroyed it */
	struct capture_target *target;
	pixman_region32_t region; /* what is written */
	struct damage damage; /* what of that the client is told */
	uint64_t sequence;
	uint64_t time_ns; /* of its flip; 0: that has not come */
	struct wl_list link; // capture.copies
};

/* The output goes: its sources are sources of nothing. */
void capture_forget_sources(struct capture *capture);

/* Somebody is about to be told what is new in pictures. */
void capture_watch(struct capture *capture);

/* The frame of a session that has none; no memory is the client's error. */
void capture_frame_create(struct capture_session *session, uint32_t id);
/* Whether its target is ready, and there is something to capture that it has not seen. */
bool capture_frame_due(const struct capture_frame *frame);
/* Whether its session has seen no picture at all. */
bool capture_frame_is_first(const struct capture_frame *frame);
/* Takes the frame off its list, and its buffer as the target of the job. */
void capture_copy_init(struct capture_copy *copy, struct capture_frame *frame);
/* Tells the client, and lets the buffer go. */
void capture_copy_finish(struct capture_copy *copy, int error);
/* The display has written all of it. */
void capture_frame_written(struct capture_frame *frame);
/* It is no longer the one that the display writes for, if it was. NULL is a no-op. */
void capture_frame_end_direct(struct capture_frame *frame);
void capture_frame_fail(struct capture_frame *frame);
/* It fails as its session has been stopped. */
void capture_frame_stop(struct capture_frame *frame);
/* There is nothing to be captured any more. */
void capture_session_stop(struct capture_session *session);
void capture_session_unref(struct capture_session *session);

#endif
