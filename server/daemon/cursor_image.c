/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>
#include <drm_mode.h>
#include <xf86drmMode.h>

#include "cursor_image.h"
#include "daemon.h"
#include "output.h"
#include "util/log.h"

/* Cursor planes are for squares, the smallest of this size. Those that move have many images. */
enum { SMALLEST = 64, LARGEST = 256, KEPT = 32 };

/* Compared as bytes: the padding is zero. */
struct cursor {
	uint64_t serial; /* of the frame; 0: none */
	struct picture_layer shown; /* by whomever, wherever */
};

struct entry {
	struct cursor what;
	struct cursor_image *image; /* NULL: it could not be copied */
};

struct cursor_images {
	struct entry entries[KEPT]; /* a ring */
	unsigned n;

	/* on its way; of one layer */
	struct cursor_image *next; /* NULL: none */
	struct cursor next_what;
	struct render_job job;
	struct scene *scene;
};

struct cursor_image *cursor_image_ref(struct cursor_image *image)
{
	image->refs++;
	return image;
}

void cursor_image_unref(struct cursor_image *image)
{
	if (!image || --image->refs > 0)
		return;
	waybuf_kms_dumb_destroy(image->dumb);
	free(image);
}

static bool has_cursor_plane(const struct output *output)
{
	const struct waybuf_kms_resources *res = &output->kms->res;
	for (uint32_t i = 0; i < res->n_planes; i++)
		if (res->planes[i]->type == DRM_PLANE_TYPE_CURSOR &&
			(res->planes[i]->possible_crtcs >> output->crtc->index & 1))
			return true;
	return false;
}

/* 0: it is too large for a cursor plane. */
static uint32_t size_for(const struct output *output, const struct scene_layer *layer)
{
	const struct waybuf_kms_caps *caps = &output->kms->caps;
	uint32_t size = SMALLEST;
	while (size < layer->width || size < layer->height)
		size *= 2;
	return size <= LARGEST && size <= caps->cursor_width && size <= caps->cursor_height ? size
											    : 0;
}

static struct cursor_image *create(struct output *output, uint32_t size)
{
	struct waybuf_kms_why why = {.text = ""};
	struct cursor_image *image = calloc(1, sizeof(*image));
	if (!image)
		return NULL;
	int ret = waybuf_kms_dumb_create(
		output->kms, size, size, DRM_FORMAT_ARGB8888, &image->dumb, &why);
	if (ret < 0) {
		waybuf_info("a cursor has no plane: %s", why.text[0] ? why.text : strerror(-ret));
		free(image);
		return NULL;
	}
	image->refs = 1;
	image->size = size;
	return image;
}

/* One that failed is not tried again, and composed. */
static void keep_next(struct cursor_images *images)
{
	struct entry *entry = &images->entries[images->n++ % KEPT];
	cursor_image_unref(entry->image);
	*entry = (struct entry){images->next_what, images->next};
	images->next = NULL;
	scene_destroy(images->scene);
	images->scene = NULL;
}

static void give_up_next(struct cursor_images *images)
{
	cursor_image_unref(images->next);
	images->next = NULL;
	keep_next(images);
}

static void handle_copied(struct render_job *job, int error)
{
	struct output *output = job->data;
	if (error < 0 || job->failed)
		give_up_next(output->cursor_images);
	else
		keep_next(output->cursor_images);
	output_damage(output);
}

/* A scene of the cursor alone, where its image begins. NULL: no memory. */
static struct scene *copy_scene(struct output *output, const struct scene_layer *from)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct frame *frame = scene ? frame_read(from->frame) : NULL;
	if (!frame) {
		free(scene);
		return NULL;
	}
	scene->server = output->daemon->server;
	scene->width = scene->height = LARGEST;
	wl_list_init(&scene->callbacks);
	scene->layers[0] = *from;
	scene->layers[0].frame = frame;
	scene->layers[0].frame_done = false;
	scene->layers[0].surface = NULL;
	scene->layers[0].image = NULL;
	scene->layers[0].x = scene->layers[0].y = 0;
	wl_list_init(&scene->layers[0].feedbacks);
	scene->n_layers = 1;
	return scene;
}

static void start(struct output *output, const struct scene_layer *layer, const struct cursor *what)
{
	struct cursor_images *images = output->cursor_images;
	uint32_t size = size_for(output, layer);
	images->next_what = *what;
	images->next = size ? create(output, size) : NULL;
	images->scene = images->next ? copy_scene(output, layer) : NULL;
	if (!images->scene) {
		give_up_next(images);
		return;
	}
	images->job = (struct render_job){
		.scene = images->scene,
		.transparent = true,
		.target = {.pixels = images->next->dumb->pixels,
			.width = size,
			.height = size,
			.stride = images->next->dumb->layout.planes[0].stride,
			.format = DRM_FORMAT_ARGB8888},
		.done = handle_copied,
		.data = output,
	};
	if (render_start(output->daemon->worker, &images->job) < 0)
		give_up_next(images);
}

static void describe(struct cursor *what, const struct scene_layer *layer)
{
	memset(what, 0, sizeof(*what));
	what->serial = layer->frame->serial;
	picture_describe_layer(&what->shown, layer);
	what->shown.id = 0;
	what->shown.x = what->shown.y = 0;
}

struct cursor_image *cursor_image_find(struct output *output, const struct scene_layer *layer)
{
	struct cursor what;
	if (!output->kms || !has_cursor_plane(output))
		return NULL;
	if (!output->cursor_images)
		output->cursor_images = calloc(1, sizeof(*output->cursor_images));
	struct cursor_images *images = output->cursor_images;
	if (!images)
		return NULL;
	describe(&what, layer);
	for (unsigned i = 0; i < KEPT; i++)
		if (memcmp(&what, &images->entries[i].what, sizeof(what)) == 0)
			return images->entries[i].image;
	if (!images->next)
		start(output, layer, &what);
	return NULL;
}

bool cursor_image_busy(const struct output *output)
{
	return output->cursor_images && output->cursor_images->next;
}

void cursor_image_finish(struct output *output)
{
	for (unsigned i = 0; output->cursor_images && i < KEPT; i++)
		cursor_image_unref(output->cursor_images->entries[i].image);
	free(output->cursor_images);
	output->cursor_images = NULL;
}
