/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <waybuf/scanout.h>
#include <wayland-server-core.h>

#include "kms/commit.h"
#include "kms/probe.h"
#include "probe_pairs.h"
#include "util/fd.h"
#include "wl_buffer.h"

/*
 * A guest of the host's open file: it tests, makes framebuffers and fills requests in, and the host
 * commits. What the host shows is read from the kernel when it matters.
 */
struct waybuf_scanout {
	struct waybuf_kms_device *kms;
	struct waybuf_kms_crtc *crtc;
	struct waybuf_kms_plane *plane;
	struct waybuf_dmabuf_pair *pairs;
	struct waybuf_tranche tranche;
	struct waybuf_feedback feedback;
	struct wl_list framebuffers; // scanout_fb.of_scanout
};

/* What a wl_buffer's newest memory is on one scanout. */
struct scanout_fb {
	struct waybuf_scanout *scanout;
	uint32_t generation;
	struct waybuf_kms_fb *fb; /* NULL: none could be made */
	struct wl_list of_buffer; // server_buffer.framebuffers
	struct wl_list of_scanout; // waybuf_scanout.framebuffers
};

/* ---- framebuffers ---------------------------------------------------------------------------- */

static void scanout_fb_destroy(struct scanout_fb *fb)
{
	wl_list_remove(&fb->of_buffer);
	wl_list_remove(&fb->of_scanout);
	waybuf_kms_fb_unref(fb->fb);
	free(fb);
}

void scanout_forget(struct server_buffer *buffer)
{
	struct scanout_fb *fb, *next;
	wl_list_for_each_safe(fb, next, &buffer->framebuffers, of_buffer)
		scanout_fb_destroy(fb);
}

static struct scanout_fb *get_scanout_fb(
	struct waybuf_scanout *scanout, struct server_buffer *buffer)
{
	struct scanout_fb *fb;
	wl_list_for_each(fb, &buffer->framebuffers, of_buffer)
		if (fb->scanout == scanout)
			return fb;
	fb = calloc(1, sizeof(*fb));
	if (!fb)
		return NULL;
	fb->scanout = scanout;
	wl_list_insert(&buffer->framebuffers, &fb->of_buffer);
	wl_list_insert(&scanout->framebuffers, &fb->of_scanout);
	return fb;
}

/* The use has its own reference: what it shows stays, though the buffer's memory moves. */
static int get_fb(struct waybuf_scanout *scanout, struct waybuf_use *use)
{
	const struct waybuf_layout *layout = use->grant.layout;
	struct scanout_fb *fb = get_scanout_fb(scanout, use->owner);
	if (!fb)
		return -ENOMEM;
	if (!fb->fb || fb->generation != layout->generation) {
		struct waybuf_kms_fb *made;
		int ret = waybuf_kms_fb_create(scanout->kms, layout, &made, NULL, NULL);
		if (ret < 0)
			return ret;
		waybuf_kms_fb_unref(fb->fb);
		fb->fb = made;
		fb->generation = layout->generation;
	}
	waybuf_kms_fb_ref(fb->fb);
	waybuf_kms_fb_unref(use->fb);
	use->fb = fb->fb;
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool is_wanted(const struct waybuf_scanout *scanout, const struct waybuf_kms_plane *plane,
	uint32_t plane_id)
{
	if (!(plane->possible_crtcs >> scanout->crtc->index & 1))
		return false;
	return plane_id ? plane->id == plane_id : plane->type == DRM_PLANE_TYPE_PRIMARY;
}

static int find_objects(
	struct waybuf_scanout *scanout, const struct waybuf_scanout_options *options)
{
	const struct waybuf_kms_resources *res = &scanout->kms->res;
	for (uint32_t i = 0; i < res->n_crtcs; i++)
		if (res->crtcs[i]->id == options->crtc_id)
			scanout->crtc = res->crtcs[i];
	for (uint32_t i = 0; scanout->crtc && !scanout->plane && i < res->n_planes; i++)
		if (is_wanted(scanout, res->planes[i], options->plane_id))
			scanout->plane = res->planes[i];
	return scanout->plane ? 0 : -ENODEV;
}

static int probe(void *data, const struct waybuf_layout *layout)
{
	struct waybuf_scanout *scanout = data;
	return waybuf_kms_probe(scanout->kms, scanout->plane, scanout->crtc, layout, NULL, NULL);
}

/* Of what the driver lists, what it takes as large as the mode; the number of them. */
static int find_pairs(struct waybuf_scanout *scanout)
{
	const struct waybuf_kms_formats *formats = &scanout->plane->formats;
	int ret = waybuf_kms_device_follow(scanout->kms, scanout->crtc);
	if (ret < 0)
		return ret;
	scanout->pairs = calloc(formats->n + 1, sizeof(*scanout->pairs));
	if (!scanout->pairs)
		return -ENOMEM;
	for (size_t i = 0; i < formats->n; i++)
		scanout->pairs[i] = (struct waybuf_dmabuf_pair){
			formats->pairs[i].format, formats->pairs[i].modifier};
	const struct waybuf_kms_mode_blob *mode =
		scanout->kms->current->crtcs[scanout->crtc->index].mode;
	const struct waybuf_probe request = {
		.width = mode->info.hdisplay,
		.height = mode->info.vdisplay,
		.import_test = probe,
		.data = scanout,
	};
	return server_probe_pairs(scanout->kms->fd, &request, scanout->pairs, formats->n);
}

static int make_feedback(struct waybuf_scanout *scanout)
{
	int n = find_pairs(scanout);
	if (n <= 0)
		return n < 0 ? n : -ENOTSUP;
	scanout->tranche = (struct waybuf_tranche){
		.target = scanout->kms->rdev,
		.flags = WAYBUF_TRANCHE_SCANOUT,
		.pairs = scanout->pairs,
		.n_pairs = (size_t)n,
	};
	scanout->feedback = (struct waybuf_feedback){scanout->kms->rdev, &scanout->tranche, 1};
	return 0;
}

int waybuf_scanout_create(const struct waybuf_scanout_options *options, struct waybuf_scanout **out)
{
	struct waybuf_scanout *scanout = calloc(1, sizeof(*scanout));
	if (!scanout)
		return -ENOMEM;
	wl_list_init(&scanout->framebuffers);
	int fd = fd_dup(options->drm_fd);
	int ret = fd < 0
		? fd
		: waybuf_kms_device_create(fd, NULL, WAYBUF_KMS_GUEST, &scanout->kms, NULL);
	if (ret == 0)
		ret = find_objects(scanout, options);
	if (ret == 0)
		ret = make_feedback(scanout);
	if (ret < 0)
		waybuf_scanout_destroy(scanout);
	else
		*out = scanout;
	return ret;
}

void waybuf_scanout_destroy(struct waybuf_scanout *scanout)
{
	if (!scanout)
		return;
	struct scanout_fb *fb, *next;
	wl_list_for_each_safe(fb, next, &scanout->framebuffers, of_scanout)
		scanout_fb_destroy(fb);
	waybuf_kms_device_destroy(scanout->kms);
	free(scanout->pairs);
	free(scanout);
}

/* ---- what it takes --------------------------------------------------------------------------- */

const struct waybuf_feedback *waybuf_scanout_feedback(const struct waybuf_scanout *scanout)
{
	return &scanout->feedback;
}

int waybuf_scanout_test(struct waybuf_scanout *scanout, const struct waybuf_layout *layout)
{
	int ret = waybuf_kms_device_follow(scanout->kms, scanout->crtc);
	if (ret < 0)
		return ret;
	return waybuf_kms_probe(scanout->kms, scanout->plane, scanout->crtc, layout, NULL, NULL);
}

int waybuf_scanout_import_test(void *data, const struct waybuf_dmabuf_import *import)
{
	const struct waybuf_scanout *scanout = data;
	const struct waybuf_layout *layout = waybuf_buffer_layout(import->buffer);
	if (import->flags)
		return -EOPNOTSUPP;
	/* the mode may be another one by now, as it may be when the buffer is shown: looked at then */
	if (waybuf_kms_probe_took(scanout->kms, scanout->plane, scanout->crtc, layout))
		return 0;
	return waybuf_scanout_test(data, layout);
}

/* Display attachments ask for sampling, too: what samples adds its own needs, this plane has none. */
static int constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	struct waybuf_scanout *scanout = data;
	const uint64_t possible = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_SAMPLE;
	if (access & ~possible)
		return -EOPNOTSUPP;
	return waybuf_kms_plane_constraints(scanout->kms, scanout->plane, out);
}

static int import_test(void *data, const struct waybuf_layout *layout)
{
	return waybuf_scanout_test(data, layout);
}

const struct waybuf_server_device_ops *waybuf_scanout_device_ops(void)
{
	static const struct waybuf_server_device_ops ops = {
		.constraints = constraints,
		.import_test = import_test,
	};
	return &ops;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void place(const struct waybuf_scanout *scanout, struct waybuf_kms_fb *fb,
	struct waybuf_kms_layer *layer)
{
	const struct waybuf_kms_mode_blob *mode =
		scanout->kms->current->crtcs[scanout->crtc->index].mode;
	waybuf_kms_layer_init(layer, fb);
	if (layer->w > mode->info.hdisplay)
		layer->w = mode->info.hdisplay;
	if (layer->h > mode->info.vdisplay)
		layer->h = mode->info.vdisplay;
	layer->src_w = layer->w << 16;
	layer->src_h = layer->h << 16;
	waybuf_kms_layer_set_color(layer, scanout->plane);
}

int waybuf_scanout_add(struct waybuf_scanout *scanout, struct waybuf_use *use,
	struct _drmModeAtomicReq *request, int *out_fence)
{
	struct waybuf_grant grant;
	struct waybuf_kms_layer layer;
	if (out_fence)
		*out_fence = -1;
	int ret = use->grant.layout ? 0 : waybuf_use_latch(use, &grant);
	if (ret == 0)
		ret = waybuf_kms_device_follow(scanout->kms, scanout->crtc);
	if (ret == 0)
		ret = get_fb(scanout, use);
	if (ret < 0)
		return ret;
	place(scanout, use->fb, &layer);
	return waybuf_kms_request_add(
		request, scanout->kms, scanout->plane, scanout->crtc, &layer, out_fence);
}
