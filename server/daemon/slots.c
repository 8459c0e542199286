/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <drm_fourcc.h>

#include "daemon.h"
#include "output.h"
#include "slots.h"

void slots_miss(struct output *output, const struct scene *scene)
{
	for (unsigned i = 0; i < 2; i++)
		if (output->slots[i].valid)
			picture_miss(&output->slots[i].picture, scene);
}

struct slot *slots_find(struct output *output, const struct scene *scene)
{
	picture_describe(&output->picture, scene, true);
	for (unsigned i = 0; i < 2; i++)
		if (output->slots[i].valid &&
			picture_is(&output->slots[i].picture, &output->picture))
			return &output->slots[i];
	return NULL;
}

struct slot *slots_free(struct output *output, struct waybuf_kms_why *why)
{
	struct slot *slot = &output->slots[output->shown_slot == &output->slots[0]];
	if (!slot->pixels && output->backend->make_image(output, slot, why) < 0)
		return NULL;
	return slot;
}

const pixman_region32_t *slot_difference(
	struct output *output, const struct slot *slot, const struct scene *scene)
{
	picture_describe(&output->picture, scene, true);
	if (!slot->valid || output->daemon->options->full_repaint)
		return NULL;
	return picture_difference(&slot->picture, &output->picture, output->width, output->height,
		       &output->difference)
		? &output->difference
		: NULL;
}

const pixman_region32_t *slots_compare(
	struct output *output, const struct slot *shown, const struct slot *next)
{
	if (!shown || !shown->valid || !next->valid)
		return NULL;
	return picture_difference(&shown->picture, &next->picture, output->width, output->height,
		       &output->difference)
		? &output->difference
		: NULL;
}

struct render_image slot_image(const struct output *output, struct slot *slot)
{
	if (!slot)
		return (struct render_image){.pixels = NULL};
	return (struct render_image){
		.pixels = slot->pixels,
		.width = output->width,
		.height = output->height,
		.stride = slot->stride,
		.format = DRM_FORMAT_XRGB8888,
		.layout = slot->dumb ? &slot->dumb->layout : NULL,
		.import = &slot->import,
	};
}

void slot_note(struct slot *slot, const struct scene *scene)
{
	picture_describe(&slot->picture, scene, true);
	slot->valid = true;
}

static void free_image(struct slot *slot)
{
	render_import_destroy(slot->import);
	waybuf_kms_dumb_destroy(slot->dumb);
	free(slot->memory);
	*slot = (struct slot){.dumb = NULL};
}

static void release_image(void *data)
{
	struct slot *slot = data;
	free_image(slot);
	free(slot);
}

int slots_replace(struct render_job *job, struct render_left *left)
{
	struct output *output = job->data;
	struct slot *slot = &output->slots[job->target.pixels == output->slots[1].pixels];
	struct slot *old = malloc(sizeof(*old));
	struct waybuf_kms_why why;
	if (!old)
		return -ENOMEM;
	/* whoever reads the old one on the worker came there before the job that writes it */
	*old = *slot;
	*slot = (struct slot){.dumb = NULL};
	*left = (struct render_left){release_image, old};
	int ret = output->backend->make_image(output, slot, &why);
	if (ret < 0)
		return ret;
	job->target = slot_image(output, slot);
	job->region = NULL;
	return 0;
}

void slots_finish(struct output *output)
{
	for (unsigned i = 0; i < 2; i++)
		free_image(&output->slots[i]);
	output->shown_slot = NULL;
}
