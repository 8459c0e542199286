/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "slots.h"

void slot_describe(struct slot_layer *out, const struct scene_layer *layer)
{
	memset(out, 0, sizeof(*out));
	out->serial = layer->serial;
	out->x = layer->x;
	out->y = layer->y;
	out->width = layer->width;
	out->height = layer->height;
	out->source = layer->source;
	out->transform = layer->transform;
	out->encoding = layer->color.encoding;
	out->full_range = layer->color.full_range;
	out->straight = layer->color.straight;
	out->alpha = layer->alpha;
	out->opaque = layer->opaque;
}

static bool has(const struct slot *slot, const struct scene *scene)
{
	uint32_t n = 0;
	if (!slot->valid || slot->n != scene_count_composed(scene))
		return false;
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		struct slot_layer layer;
		if (scene->layers[i].plane)
			continue;
		slot_describe(&layer, &scene->layers[i]);
		if (memcmp(&layer, &slot->layers[n++], sizeof(layer)) != 0)
			return false;
	}
	return true;
}

struct slot *slots_find(struct output *output, const struct scene *scene)
{
	for (unsigned i = 0; i < 2; i++)
		if (has(&output->slots[i], scene))
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

void slot_note(struct slot *slot, const struct scene *scene)
{
	slot->n = 0;
	for (uint32_t i = 0; i < scene->n_layers; i++)
		if (!scene->layers[i].plane)
			slot_describe(&slot->layers[slot->n++], &scene->layers[i]);
	slot->valid = true;
}

void slots_finish(struct output *output)
{
	for (unsigned i = 0; i < 2; i++) {
		waybuf_kms_dumb_destroy(output->slots[i].dumb);
		free(output->slots[i].memory);
		output->slots[i] = (struct slot){.dumb = NULL};
	}
	output->shown_slot = NULL;
}
