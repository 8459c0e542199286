/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "geometry.h"
#include "picture.h"

void picture_describe_layer(struct picture_layer *out, const struct scene_layer *layer)
{
	memset(out, 0, sizeof(*out));
	out->id = layer->id;
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

void picture_describe(struct picture *picture, const struct scene *scene, bool only_composed)
{
	picture->n = 0;
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		if (only_composed && scene->layers[i].plane)
			continue;
		damage_clear(&picture->missed[picture->n]);
		picture_describe_layer(&picture->layers[picture->n++], &scene->layers[i]);
	}
}

/* The number of layers: there is none. */
static uint32_t find(const struct picture *picture, uint64_t id)
{
	uint32_t i = 0;
	while (i < picture->n && picture->layers[i].id != id)
		i++;
	return i;
}

void picture_miss(struct picture *picture, const struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		const struct scene_layer *layer = &scene->layers[i];
		uint32_t at =
			damage_is_empty(&layer->damage) ? picture->n : find(picture, layer->id);
		if (at < picture->n)
			damage_merge(&picture->missed[at], &layer->damage);
	}
}

static bool is_same(const struct picture_layer *a, const struct picture_layer *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool picture_is(const struct picture *picture, const struct picture *now)
{
	if (picture->n != now->n)
		return false;
	for (uint32_t i = 0; i < now->n; i++)
		if (!is_same(&picture->layers[i], &now->layers[i]) ||
			!damage_is_empty(&picture->missed[i]))
			return false;
	return true;
}

/* A region in the making, and how large it may become. */
struct drawing {
	pixman_region32_t *out;
	int64_t width, height;
	bool whole; /* memory was there for all of it */
};

static void add(struct drawing *drawing, int64_t x1, int64_t y1, int64_t x2, int64_t y2)
{
	x1 = geometry_clip(x1, 0, drawing->width);
	y1 = geometry_clip(y1, 0, drawing->height);
	x2 = geometry_clip(x2, 0, drawing->width);
	y2 = geometry_clip(y2, 0, drawing->height);
	if (x1 < x2 && y1 < y2)
		drawing->whole &= pixman_region32_union_rect(drawing->out, drawing->out, (int)x1,
			(int)y1, (unsigned)(x2 - x1), (unsigned)(y2 - y1));
}

static void add_layer(struct drawing *drawing, const struct picture_layer *layer)
{
	add(drawing, layer->x, layer->y, (int64_t)layer->x + layer->width,
		(int64_t)layer->y + layer->height);
}

static void subtract_layer(struct drawing *drawing, const struct picture_layer *layer)
{
	const int64_t x1 = geometry_clip(layer->x, 0, drawing->width);
	const int64_t y1 = geometry_clip(layer->y, 0, drawing->height);
	const int64_t x2 = geometry_clip((int64_t)layer->x + layer->width, 0, drawing->width);
	const int64_t y2 = geometry_clip((int64_t)layer->y + layer->height, 0, drawing->height);
	pixman_region32_t box;
	if (x1 >= x2 || y1 >= y2)
		return;
	pixman_region32_init_rect(&box, (int)x1, (int)y1, (unsigned)(x2 - x1), (unsigned)(y2 - y1));
	drawing->whole &= pixman_region32_subtract(drawing->out, drawing->out, &box);
	pixman_region32_fini(&box);
}

/* Pixels that are below opaque ones are others, but nobody sees it; if those go, all are drawn. */
static void add_missed(struct drawing *drawing, const struct picture *now, uint32_t index,
	const struct damage *missed)
{
	const struct picture_layer *layer = &now->layers[index];
	pixman_region32_t seen;
	struct drawing below = {&seen, drawing->width, drawing->height, true};
	struct geometry_box box;
	pixman_region32_init(&seen);
	for (uint32_t i = 0; i < missed->n; i++)
		if (damage_box(missed, i, layer->width, layer->height, &box))
			add(&below, layer->x + box.x, layer->y + box.y,
				layer->x + box.x + box.width, layer->y + box.y + box.height);
	for (uint32_t i = 0; i < index && pixman_region32_not_empty(&seen); i++)
		if (now->layers[i].opaque)
			subtract_layer(&below, &now->layers[i]);
	drawing->whole &= below.whole && pixman_region32_union(drawing->out, drawing->out, &seen);
	pixman_region32_fini(&seen);
}

/* Where both are. */
static void add_common(
	struct drawing *drawing, const struct picture_layer *a, const struct picture_layer *b)
{
	const int64_t right_a = (int64_t)a->x + a->width, right_b = (int64_t)b->x + b->width;
	const int64_t bottom_a = (int64_t)a->y + a->height, bottom_b = (int64_t)b->y + b->height;
	add(drawing, a->x > b->x ? a->x : b->x, a->y > b->y ? a->y : b->y,
		right_a < right_b ? right_a : right_b, bottom_a < bottom_b ? bottom_a : bottom_b);
}

/* What @now has at @index; @was[i] is where layer i of it was, the number of layers: nowhere. */
static void compare(struct drawing *drawing, const struct picture *picture,
	const struct picture *now, const uint32_t was[], uint32_t index)
{
	const struct picture_layer *layer = &now->layers[index];
	if (was[index] == picture->n) {
		add_layer(drawing, layer);
		return;
	}
	if (is_same(&picture->layers[was[index]], layer)) {
		add_missed(drawing, now, index, &picture->missed[was[index]]);
	} else {
		add_layer(drawing, &picture->layers[was[index]]);
		add_layer(drawing, layer);
	}
	for (uint32_t i = 0; i < index; i++)
		if (was[i] != picture->n && was[i] > was[index])
			add_common(drawing, &now->layers[i], layer);
}

/* To draw more pieces than that costs more than to draw what is between them. */
#define MOST_PIECES 128

static void bound(struct drawing *drawing)
{
	const pixman_box32_t all = *pixman_region32_extents(drawing->out);
	if (pixman_region32_n_rects(drawing->out) <= MOST_PIECES)
		return;
	pixman_region32_clear(drawing->out);
	drawing->whole &= pixman_region32_union_rect(drawing->out, drawing->out, all.x1, all.y1,
		(unsigned)(all.x2 - all.x1), (unsigned)(all.y2 - all.y1));
}

bool picture_difference(const struct picture *picture, const struct picture *now, uint32_t width,
	uint32_t height, pixman_region32_t *out)
{
	struct drawing drawing = {out, width, height, true};
	uint32_t was[SCENE_MAX_LAYERS];
	uint64_t found = 0;
	pixman_region32_clear(out);
	for (uint32_t i = 0; i < now->n; i++) {
		was[i] = find(picture, now->layers[i].id);
		if (was[i] < picture->n)
			found |= UINT64_C(1) << was[i];
	}
	for (uint32_t i = 0; i < picture->n; i++)
		if (!(found >> i & 1))
			add_layer(&drawing, &picture->layers[i]);
	for (uint32_t i = 0; i < now->n; i++) {
		compare(&drawing, picture, now, was, i);
		bound(&drawing);
	}
	return drawing.whole;
}
