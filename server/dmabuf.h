/* SPDX-License-Identifier: MIT */
#ifndef SERVER_DMABUF_H
#define SERVER_DMABUF_H

#include "client.h"
#include "dmabuf_exporters.h"
#include "dmabuf_kinds.h"
#include "dmabuf_params.h"
#include "dmabuf_refusals.h"
#include "feedback.h"

struct waybuf_report;

struct waybuf_server_dmabuf {
	struct waybuf_server *server;
	struct wl_global *global;
	struct waybuf_server_dmabuf_options options;
	struct feedback *feedback;
	/* every pair that was ever advertised, sorted: who saw an older list has made no mistake */
	struct wl_array advertised; // struct waybuf_dmabuf_pair
	struct dmabuf_kinds kinds;
	struct dmabuf_exporters exporters;
	struct dmabuf_refusals refusals;
	struct wl_list resources; // of the bound globals
	struct wl_list params; // dmabuf_params_object.link
	struct wl_list surfaces; // surface_feedback.link
	struct wl_list objects; // feedback_object.link
	/* how long a surface must be what it is; the timer of those that will have been; or NULL */
	uint32_t settle_ms;
	struct waybuf_source *due;
	/* tries again what could not be sent for want of fds; NULL until then */
	struct waybuf_source *retry;
};

/* Whether a feedback of today names @device, or another node of it, in a sampling tranche. */
bool dmabuf_samples(const struct waybuf_server_dmabuf *dmabuf, dev_t device);
/* The pairs, and what was refused, as lines of an `info` report. */
void dmabuf_report(struct waybuf_server_dmabuf *dmabuf, struct waybuf_report *report);

/* ---- dmabuf_import.c ----------------------------------------------------------------------- */

/* What a client asks for with its planes. */
struct dmabuf_request {
	int32_t width, height;
	uint32_t format, flags;
	/* by whom it is to be sampled, if that was said */
	bool has_device;
	dev_t device;
	/* of the client's object */
	uint32_t version;
	/* some of its planes were not taken */
	bool starved;
};

/*
 * 0 and a reference, or -EINVAL with the verdict, which is noted for people. @dmabuf NULL: the
 * global is gone. The fds of @params are taken on success.
 */
int dmabuf_import(struct waybuf_server_dmabuf *dmabuf, struct server_client *client,
	struct dmabuf_params *params, const struct dmabuf_request *request,
	struct waybuf_buffer **out, struct dmabuf_verdict *verdict);

/* ---- dmabuf_params_v1.c -------------------------------------------------------------------- */

/* @dmabuf NULL: the global is gone, and no buffer will come of it. NULL: out of memory. */
struct dmabuf_params_object *params_object_create(struct waybuf_server_dmabuf *dmabuf,
	struct server_client *client, uint32_t version, uint32_t id);
/* The global goes. */
void params_objects_orphan(struct waybuf_server_dmabuf *dmabuf);

/* ---- dmabuf_feedback_v1.c ------------------------------------------------------------------ */

/* @surface NULL: the default feedback. False: out of memory. */
bool feedback_object_create(struct waybuf_server_dmabuf *dmabuf, struct wl_client *client,
	uint32_t version, uint32_t id, struct wl_resource *surface);
/* Tells everybody whose feedback is another than what was sent. */
void feedback_objects_update(struct waybuf_server_dmabuf *dmabuf);
/* The global goes. */
void feedback_objects_orphan(struct waybuf_server_dmabuf *dmabuf);

/* ---- surface_feedback.c -------------------------------------------------------------------- */

/* Borrowed; NULL: the default. */
struct feedback *surface_feedback_current(
	const struct waybuf_server_dmabuf *dmabuf, struct wl_resource *surface);
/* @feedback (referenced) NULL: the default again. 0 or -ENOMEM. */
int surface_feedback_set(struct waybuf_server_dmabuf *dmabuf, struct wl_resource *surface,
	struct feedback *feedback);
/* The default is another one, and so is what is offered besides. */
void surface_feedback_rebase(struct waybuf_server_dmabuf *dmabuf);
/* Whether one of them has a sampling tranche for @device, or for another node of it. */
bool surface_feedback_samples(const struct waybuf_server_dmabuf *dmabuf, dev_t device);
/* The global goes. */
void surface_feedbacks_finish(struct waybuf_server_dmabuf *dmabuf);

#endif
