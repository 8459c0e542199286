/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cursor_image.h"
#include "daemon.h"
#include "input/cursor.h"
#include "input/drag.h"
#include "output.h"
#include "outputs.h"
#include "pace.h"
#include "planes.h"
#include "presentation.h"
#include "scene.h"
#include "subsurface.h"
#include "xdg_popup.h"

bool scene_layer_covers(const struct scene *scene, const struct scene_layer *layer)
{
	return layer->opaque && layer->x <= 0 && layer->y <= 0 &&
		layer->x + (int64_t)layer->width >= scene->width &&
		layer->y + (int64_t)layer->height >= scene->height;
}

bool scene_is_covered(const struct scene *scene)
{
	if (!scene->n_layers)
		return false;
	return scene_layer_covers(scene, &scene->layers[scene->n_layers - 1]);
}

/* What a surface wants to hear belongs to the first scene that shows it. */
static void move_list(struct wl_list *to, struct wl_list *from)
{
	wl_list_insert_list(to->prev, from);
	wl_list_init(from);
}

/* False: no room is left, or nothing that is below could be seen. */
static bool add_more(const struct scene *scene)
{
	return scene->n_layers < SCENE_MAX_LAYERS && !scene_is_covered(scene);
}

/*
 * Surfaces that belong together. Their pixels are counted from a whole one of the display's, so that
 * the topmost has as many as its client reckons, wherever it is, and its buffer need not be scaled.
 */
struct tree {
	struct output *output;
	struct scene *scene;
	int64_t x, y; /* where it begins, on the upright display */
	uint32_t scale;
};

/*
 * Smaller than its own scale, or beside the output: there is nothing to see. One that is larger than
 * pixels can be counted is left out.
 */
static bool is_seen(const struct scene *scene, const struct geometry_box *place)
{
	return place->width && place->height && place->x < scene->width &&
		place->y < scene->height && place->x + place->width > 0 &&
		place->y + place->height > 0 && place->width <= INT32_MAX &&
		place->height <= INT32_MAX;
}

/* Whether @place, of @upright, has all pixels that clients know of, and its buffer all there are. */
static bool is_whole(const struct output *output, const struct surface *surface,
	const struct geometry_box *place, const struct geometry_box *upright)
{
	uint32_t width, height;
	output_logical_size(output, &width, &height);
	return surface->width == width && surface->height == height && place->x >= 0 &&
		place->y >= 0 && place->x + place->width <= upright->width &&
		place->y + place->height <= upright->height &&
		geometry_is_exact(surface->current.transform, &surface->source,
			(uint32_t)upright->width, (uint32_t)upright->height);
}

/* Here what is logical becomes pixels, first on the upright display, then on that as it is. */
static struct geometry_box place_of(
	const struct tree *tree, const struct surface *surface, int64_t x, int64_t y)
{
	const struct output *output = tree->output;
	uint32_t width, height;
	output_upright_size(output, &width, &height);
	const struct geometry_box upright = {0, 0, width, height};
	const struct geometry_box logical = {x, y, surface->width, surface->height};
	struct geometry_box place = geometry_scale_box(tree->scale, &logical);
	place.x += tree->x;
	place.y += tree->y;
	if (is_whole(output, surface, &place, &upright))
		place = upright;
	return geometry_turn(output->transform, place, width, height);
}

/* From surface coordinates to those of the layer, as the display has them. */
static struct geometry_box to_layer(const struct output *output, const struct scene_layer *layer,
	const struct surface *surface, const struct geometry_box *box, bool inner)
{
	bool turned = geometry_turned(output->transform);
	const uint32_t width = turned ? layer->height : layer->width;
	const uint32_t height = turned ? layer->width : layer->height;
	const struct geometry_box upright =
		geometry_stretch(box, surface->width, surface->height, width, height, inner);
	return geometry_turn(output->transform, upright, width, height);
}

static bool is_exact(const struct scene_layer *layer)
{
	return geometry_is_exact(layer->transform, &layer->source, layer->width, layer->height);
}

/* What is read by a filter that the output's scale makes necessary: the damage knows of none. */
static int64_t margin_of(const struct scene_layer *layer, const struct surface *surface)
{
	return !is_exact(layer) &&
		geometry_is_exact(surface->current.transform, &surface->source, surface->width,
			surface->height);
}

static void add_damage(
	const struct output *output, struct scene_layer *layer, struct surface *surface)
{
	const int64_t margin = margin_of(layer, surface);
	struct geometry_box box;
	/* what another output was told this one has not heard */
	if (surface->seen_on != output)
		damage_add_all(&surface->damage);
	surface->seen_on = output;
	for (uint32_t i = 0; i < surface->damage.n; i++) {
		if (!damage_box(&surface->damage, i, surface->width, surface->height, &box))
			continue;
		box = (struct geometry_box){box.x - margin, box.y - margin, box.width + 2 * margin,
			box.height + 2 * margin};
		box = to_layer(output, layer, surface, &box, false);
		damage_add(&layer->damage, &box);
	}
	damage_clear(&surface->damage);
}

static void add_hiding(struct scene_layer *layer, const struct geometry_box *box)
{
	if (box->width <= 0 || box->height <= 0)
		return;
	layer->hides[layer->n_hides++] = (pixman_box32_t){(int32_t)box->x, (int32_t)box->y,
		(int32_t)(box->x + box->width), (int32_t)(box->y + box->height)};
}

/*
 * A filter takes something of the neighbours of opaque pixels, so that of scaled surfaces only the
 * whole can be opaque.
 */
static void find_hiding(
	const struct output *output, struct scene_layer *layer, const struct surface *surface)
{
	const struct geometry_box all = {0, 0, layer->width, layer->height};
	int n;
	if (layer->opaque) {
		add_hiding(layer, &all);
		return;
	}
	if (surface->current.alpha != UINT32_MAX || !is_exact(layer))
		return;
	const pixman_box32_t *boxes =
		pixman_region32_rectangles((pixman_region32_t *)&surface->current.opaque, &n);
	for (int i = 0; i < n && layer->n_hides < SCENE_MAX_OPAQUE; i++) {
		const struct damage one = {1, {boxes[i]}};
		struct geometry_box box;
		if (!damage_box(&one, 0, surface->width, surface->height, &box))
			continue;
		box = to_layer(output, layer, surface, &box, true);
		add_hiding(layer, &box);
	}
}

/*
 * Where its client put it, whatever pixel that is nearest to: those that touch do so for the pointer,
 * too, and it is never beyond the surface that it is on.
 */
static struct scene_logical describe_logical(
	const struct tree *tree, const struct surface *surface, int64_t x, int64_t y)
{
	const double one = GEOMETRY_SCALE_ONE;
	return (struct scene_logical){
		.x = (double)tree->x * one / tree->output->scale + (double)x,
		.y = (double)tree->y * one / tree->output->scale + (double)y,
		.width = surface->width,
		.height = surface->height,
	};
}

/* What the surface says of the layer, and where that is. */
static void describe(const struct tree *tree, struct surface *surface,
	const struct geometry_box *place, struct scene_layer *layer)
{
	const int32_t upright = geometry_inverse(tree->output->transform);
	*layer = (struct scene_layer){
		.id = surface->id,
		.surface = surface,
		.asked = pace_asks(surface),
		.x = (int32_t)place->x,
		.y = (int32_t)place->y,
		.width = (uint32_t)place->width,
		.height = (uint32_t)place->height,
		.source = surface->source,
		.transform = geometry_concat(upright, surface->current.transform),
		.color = surface->current.color,
		.alpha = (uint16_t)(surface->current.alpha >> 16),
		.opaque = surface_is_opaque(surface),
	};
	wl_list_init(&layer->feedbacks);
}

static void add(const struct tree *tree, struct surface *surface, int64_t x, int64_t y)
{
	struct output *output = tree->output;
	struct scene *scene = tree->scene;
	const struct geometry_box place = place_of(tree, surface, x, y);
	struct frame *frame = is_seen(scene, &place) ? frame_read(surface->current.frame) : NULL;
	if (!frame)
		return;
	struct scene_layer *layer = &scene->layers[scene->n_layers++];
	describe(tree, surface, &place, layer);
	layer->frame = frame;
	layer->who = frame->who;
	layer->logical = describe_logical(tree, surface, x, y);
	find_hiding(output, layer, surface);
	add_damage(output, layer, surface);
	move_list(&scene->callbacks, &surface->current.callbacks);
	move_list(&layer->feedbacks, &surface->current.feedbacks);
	output->visible[output->n_visible++] = surface;
	surface->visible = true;
	surface->dirty = false;
}

/* The surface with its subsurfaces. As deep as a tree may be, which is not deep. */
static bool add_tree(const struct tree *tree, struct surface *surface, int64_t x, int64_t y)
{
	const struct scene *scene = tree->scene;
	const struct surface_place *places = surface->current.stack.data;
	size_t n = surface->current.stack.size / sizeof(*places);
	if (n == 0)
		add(tree, surface, x, y);
	for (size_t i = n; i-- > 0 && add_more(scene);) {
		const struct subsurface *child = places[i].child;
		if (!child)
			add(tree, surface, x, y);
		else if (child->surface->mapped)
			add_tree(tree, child->surface, x + places[i].x, y + places[i].y);
	}
	return add_more(scene);
}

/* Those of a toplevel, whose tree is @below. */
static bool add_popups(const struct tree *below, const struct xdg_toplevel *toplevel)
{
	struct xdg_popup *popup;
	int64_t dx, dy;
	wl_list_for_each(popup, &below->output->daemon->popups, link) {
		struct tree tree = *below;
		if (!xdg_popup_find(popup, toplevel, tree.scale, &dx, &dy))
			continue;
		tree.x += dx;
		tree.y += dy;
		if (!add_tree(&tree, popup->xdg->surface, 0, 0))
			return false;
	}
	return true;
}

/* One of the full size begins at the edge, where the pointer does: pixels left over are at the end. */
static int64_t middle(const struct output *output, uint32_t of, uint32_t size)
{
	return (geometry_scale(output->scale, of) - geometry_scale(output->scale, size)) / 2;
}

void scene_place_toplevel(
	const struct output *output, const struct surface *surface, int64_t *x, int64_t *y)
{
	uint32_t width, height;
	output_logical_size(output, &width, &height);
	*x = middle(output, width, surface->width);
	*y = middle(output, height, surface->height);
}

static bool add_toplevel(
	struct output *output, struct scene *scene, const struct xdg_toplevel *toplevel)
{
	struct surface *surface = toplevel->xdg->surface;
	struct tree tree = {output, scene, .scale = output->scale};
	scene_place_toplevel(output, surface, &tree.x, &tree.y);
	return add_popups(&tree, toplevel) && add_tree(&tree, surface, 0, 0);
}

static void add_cursor(struct output *output, struct scene *scene)
{
	struct tree tree = {output, scene, .scale = output->scale};
	struct surface *cursor =
		cursor_place(output->daemon->seat, output, &tree.x, &tree.y, &tree.scale);
	if (cursor)
		add_tree(&tree, cursor, 0, 0);
	if (scene->n_layers == 1)
		scene->layers[0].is_cursor = true;
}

static void add_icon(struct output *output, struct scene *scene)
{
	struct tree tree = {output, scene, .scale = output->scale};
	struct surface *icon = drag_icon_place(output->daemon->seat, output, &tree.x, &tree.y);
	if (icon)
		add_tree(&tree, icon, 0, 0);
}

/* Those that are hidden from now on wait for no flip, and no plane waits for them. */
static void settle_hidden(struct output *output, struct surface *const before[], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (before[i]->visible)
			continue;
		/* by now it may be on none, and so the first one's */
		callbacks_arm(outputs_of(before[i]), before[i]);
		planes_tell(output, before[i], WAYBUF_PLANE_CANNOT);
	}
}

struct scene *scene_create_empty(const struct output *output)
{
	struct scene *scene = malloc(sizeof(*scene));
	if (!scene)
		return NULL;
	/* but for the layers: each is set as it is added, and room for all of them is 38 KiB */
	memset(scene, 0, offsetof(struct scene, layers));
	memset(&scene->n_layers, 0, sizeof(*scene) - offsetof(struct scene, n_layers));
	scene->server = output->daemon->server;
	scene->width = output->width;
	scene->height = output->height;
	wl_list_init(&scene->callbacks);
	return scene;
}

struct scene *scene_create(struct output *output)
{
	struct scene *scene = scene_create_empty(output);
	if (!scene)
		return NULL;
	struct surface *before[SCENE_MAX_LAYERS];
	uint32_t n_before = output->n_visible;
	for (uint32_t i = 0; i < n_before; i++) {
		before[i] = output->visible[i];
		before[i]->visible = false;
	}
	output->n_visible = 0;
	add_cursor(output, scene);
	add_icon(output, scene);
	struct xdg_toplevel *toplevel;
	wl_list_for_each(toplevel, &output->daemon->toplevels, link) {
		if (toplevel->output == output && !add_toplevel(output, scene, toplevel))
			break;
	}
	settle_hidden(output, before, n_before);
	idle_inhibitors_changed(output->daemon);
	return scene;
}

void scene_trace(
	const struct scene *scene, enum waybuf_trace_kind kind, uint64_t ns, uint64_t point)
{
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		struct waybuf_trace_event event = scene->layers[i].who;
		event.kind = kind;
		event.ns = ns;
		event.point = point;
		waybuf_server_trace(scene->server, &event);
	}
}

static bool scans_out(const struct scene *scene, const struct frame *frame)
{
	for (uint32_t i = 0; i < scene->n_layers; i++)
		if (scene->layers[i].plane && scene->layers[i].frame == frame)
			return true;
	return false;
}

uint32_t scene_count_composed(const struct scene *scene)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < scene->n_layers; i++)
		n += !scene->layers[i].plane;
	return n;
}

bool scene_has_planes(const struct scene *scene)
{
	return scene_count_composed(scene) < scene->n_layers;
}

bool scene_wants_fence(const struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++)
		if (scene->layers[i].plane && scene->layers[i].frame &&
			scene->layers[i].frame->wants_fence)
			return true;
	return false;
}

bool scene_displaced(struct scene *scene, const struct scene *next, struct waybuf_fence *fence)
{
	bool released = false;
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		struct scene_layer *layer = &scene->layers[i];
		if (!layer->frame || layer->frame_done || !layer->frame->wants_fence)
			continue;
		/* what stays on the screen is displaced later, and that covers this */
		released |=
			frame_done(layer->frame, scans_out(next, layer->frame) ? NULL : fence, 0);
		layer->frame_done = true;
	}
	return released;
}

void scene_read_until(struct scene *scene, struct waybuf_fence *fence)
{
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		const struct scene_layer *layer = &scene->layers[i];
		struct frame *frame =
			layer->plane && !layer->frame_done ? frame_read(layer->frame) : NULL;
		if (!frame)
			continue;
		frame_done(frame, fence, 0);
		frame_unref(frame);
	}
}

static void drop_frame(struct scene_layer *layer, uint64_t ns)
{
	if (layer->frame_done)
		frame_unref(layer->frame);
	else
		frame_drop_at(layer->frame, ns);
	layer->frame = NULL;
	layer->frame_done = false;
}

void scene_drop_composed(struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++)
		if (!scene->layers[i].plane)
			drop_frame(&scene->layers[i], 0);
}

void scene_destroy(struct scene *scene)
{
	scene_destroy_at(scene, 0);
}

void scene_destroy_at(struct scene *scene, uint64_t ns)
{
	if (!scene)
		return;
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		drop_frame(&scene->layers[i], ns);
		cursor_image_unref(scene->layers[i].image);
		presentation_discard(&scene->layers[i].feedbacks);
	}
	surface_drop_callbacks(&scene->callbacks);
	free(scene);
}

void scene_surface_gone(struct scene *scene, const struct surface *surface)
{
	for (uint32_t i = 0; scene && i < scene->n_layers; i++)
		if (scene->layers[i].surface == surface)
			scene->layers[i].surface = NULL;
}
