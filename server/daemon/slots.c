/* SPDX-License-Identifier: MIT */
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

void slots_finish(struct output *output)
{
	for (unsigned i = 0; i < 2; i++) {
		render_import_destroy(output->slots[i].import);
		waybuf_kms_dumb_destroy(output->slots[i].dumb);
		free(output->slots[i].memory);
		output->slots[i] = (struct slot){.dumb = NULL};
	}
	output->shown_slot = NULL;
}
