/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drmMode.h>

#include "core/format.h"
#include "kms/assign.h"

/* What makes two layers the same to a plane: all but the framebuffer itself. */
struct key {
	bool has_fb, opaque;
	uint32_t format, fb_width, fb_height;
	uint64_t modifier;
	uint32_t src_x, src_y, src_w, src_h;
	int32_t x, y;
	uint32_t w, h, rotation;
	uint16_t alpha;
	bool straight, full_range, color_asked;
	uint32_t encoding;
};

struct answer {
	struct waybuf_kms_plane *plane;
	const char *reason;
	struct waybuf_kms_why why;
};

struct waybuf_kms_assigner {
	const struct waybuf_kms_assigner_ops *ops;
	void *data;
	struct waybuf_kms_assign_stats stats;
	unsigned budget; /* tests left for this picture */
	bool passing; /* a test failed for a reason that may be gone the next time */
	struct waybuf_kms_why said; /* by the device, of the last test */

	/* the last picture and its answer */
	bool known, on_primary;
	uint32_t n, crtc;
	struct key keys[WAYBUF_KMS_MOST_PLACES];
	struct answer answers[WAYBUF_KMS_MOST_PLACES];
};

int waybuf_kms_assigner_create(
	const struct waybuf_kms_assigner_ops *ops, void *data, struct waybuf_kms_assigner **out)
{
	struct waybuf_kms_assigner *assigner = calloc(1, sizeof(*assigner));
	if (!assigner)
		return -ENOMEM;
	assigner->ops = ops;
	assigner->data = data;
	*out = assigner;
	return 0;
}

void waybuf_kms_assigner_destroy(struct waybuf_kms_assigner *assigner)
{
	free(assigner);
}

void waybuf_kms_assigner_forget(struct waybuf_kms_assigner *assigner)
{
	assigner->known = false;
}

struct waybuf_kms_assign_stats waybuf_kms_assigner_stats(const struct waybuf_kms_assigner *assigner)
{
	return assigner->stats;
}

/* ---- the last answer ------------------------------------------------------------------------- */

/* Compared as bytes, so the padding counts. */
static void make_key(struct key *key, const struct waybuf_kms_place *place)
{
	const struct waybuf_kms_layer *layer = &place->layer;
	memset(key, 0, sizeof(*key));
	key->x = layer->x;
	key->y = layer->y;
	key->w = layer->w;
	key->h = layer->h;
	key->opaque = place->opaque;
	key->has_fb = layer->fb != NULL;
	if (!layer->fb)
		return;
	key->format = layer->fb->format;
	key->modifier = layer->fb->modifier;
	key->fb_width = layer->fb->width;
	key->fb_height = layer->fb->height;
	key->src_x = layer->src_x;
	key->src_y = layer->src_y;
	key->src_w = layer->src_w;
	key->src_h = layer->src_h;
	key->rotation = layer->rotation;
	key->alpha = layer->alpha;
	key->straight = layer->straight;
	key->encoding = layer->encoding;
	key->full_range = layer->full_range;
	key->color_asked = layer->color_asked;
}

/* Notes what this picture is like; whether the last one was like it. */
static bool is_same(struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture)
{
	bool same = assigner->known && assigner->n == picture->n_places &&
		assigner->crtc == picture->crtc->id;
	for (uint32_t i = 0; i < picture->n_places; i++) {
		struct key key;
		make_key(&key, &picture->places[i]);
		same = same && memcmp(&key, &assigner->keys[i], sizeof(key)) == 0;
		assigner->keys[i] = key;
	}
	assigner->n = picture->n_places;
	assigner->crtc = picture->crtc->id;
	return same;
}

static void recall(
	const struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture)
{
	for (uint32_t i = 0; i < picture->n_places; i++) {
		struct waybuf_kms_place *place = &picture->places[i];
		place->plane = assigner->answers[i].plane;
		if (!place->layer.fb)
			continue;
		place->reason = assigner->answers[i].reason;
		place->why = assigner->answers[i].why;
	}
}

static void remember(struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture,
	bool on_primary)
{
	for (uint32_t i = 0; i < picture->n_places; i++)
		assigner->answers[i] = (struct answer){picture->places[i].plane,
			picture->places[i].reason, picture->places[i].why};
	assigner->on_primary = on_primary;
	assigner->known = !assigner->passing;
}

/* ---- what goes without asking ---------------------------------------------------------------- */

static bool overlap(const struct waybuf_kms_layer *a, const struct waybuf_kms_layer *b)
{
	return a->x < (int64_t)b->x + b->w && b->x < (int64_t)a->x + a->w &&
		a->y < (int64_t)b->y + b->h && b->y < (int64_t)a->y + a->h;
}

/* The order of planes: by zpos where all have one, else by what they are for, else by number. */
static int64_t height_of(const struct waybuf_kms_plane *plane)
{
	static const int64_t by_type[] = {
		[DRM_PLANE_TYPE_OVERLAY] = 1,
		[DRM_PLANE_TYPE_PRIMARY] = 0,
		[DRM_PLANE_TYPE_CURSOR] = 2,
	};
	const struct waybuf_kms_prop *zpos = &plane->props[WAYBUF_KMS_PLANE_ZPOS];
	if (waybuf_kms_prop_known(zpos) && zpos->value < UINT32_MAX)
		return (int64_t)zpos->value << 32 | plane->index;
	return by_type[plane->type % 3] << 32 | plane->index;
}

/* The colours, as far as somebody has said what they mean. */
static bool has_look(const struct waybuf_kms_plane *plane, const struct waybuf_kms_layer *layer)
{
	const struct waybuf_kms_prop *blend = &plane->props[WAYBUF_KMS_PLANE_BLEND_MODE];
	struct waybuf_kms_layer own = *layer;
	uint64_t coverage;
	if (layer->straight && !waybuf_kms_prop_enum_value(blend, "Coverage", &coverage))
		return false;
	return !layer->color_asked || waybuf_kms_layer_set_color(&own, plane);
}

static const char *plane_refusal(const struct waybuf_kms_picture *picture,
	const struct waybuf_kms_plane *plane, const struct waybuf_kms_layer *layer)
{
	const struct waybuf_kms_caps *caps = &picture->device->caps;
	if (!waybuf_kms_formats_have(&plane->formats, layer->fb->format, layer->fb->modifier))
		return "no plane that is left takes its format";
	if (layer->rotation != DRM_MODE_ROTATE_0 &&
		!waybuf_kms_prop_has_bits(
			&plane->props[WAYBUF_KMS_PLANE_ROTATION], layer->rotation))
		return "no plane that is left turns it";
	if (layer->alpha != UINT16_MAX &&
		!waybuf_kms_prop_known(&plane->props[WAYBUF_KMS_PLANE_ALPHA]))
		return "no plane that is left has alpha";
	if (!has_look(plane, layer))
		return "no plane that is left takes its colours as they are";
	if (plane->type == DRM_PLANE_TYPE_CURSOR &&
		(layer->w > caps->cursor_width || layer->h > caps->cursor_height))
		return "no plane that is left is large enough";
	return NULL;
}

static bool is_taken(const struct waybuf_kms_picture *picture, const struct waybuf_kms_plane *plane)
{
	for (uint32_t i = 0; i < picture->n_places; i++)
		if (picture->places[i].plane == plane)
			return true;
	return false;
}

/*
 * On another CRTC, and it stays there: a commit that took it away would concern both, and wait for
 * both.
 */
static bool is_elsewhere(
	const struct waybuf_kms_picture *picture, const struct waybuf_kms_plane *plane)
{
	const struct waybuf_kms_state *current = picture->device->current;
	const struct waybuf_kms_plane_state *now = current ? &current->planes[plane->index] : NULL;
	return now && now->layer.fb && now->crtc != picture->crtc->index;
}

/* Above the image of what is composed, on this CRTC, and nobody's yet. */
static bool is_free(const struct waybuf_kms_picture *picture, const struct waybuf_kms_plane *plane)
{
	return plane != picture->primary && plane->type != DRM_PLANE_TYPE_PRIMARY &&
		(plane->possible_crtcs >> picture->crtc->index & 1) &&
		height_of(plane) > height_of(picture->primary) && !is_taken(picture, plane) &&
		!is_elsewhere(picture, plane);
}

/* The lowest plane that a layer above @index and over it has: only lower ones will do. */
static int64_t ceiling_of(const struct waybuf_kms_picture *picture, uint32_t index)
{
	int64_t ceiling = INT64_MAX;
	for (uint32_t i = 0; i < index; i++) {
		const struct waybuf_kms_place *above = &picture->places[i];
		if (!above->plane || !overlap(&above->layer, &picture->places[index].layer))
			continue;
		int64_t height = height_of(above->plane);
		ceiling = height < ceiling ? height : ceiling;
	}
	return ceiling;
}

/* The highest plane below @ceiling that may take the layer. NULL: there is none, and *reason. */
static struct waybuf_kms_plane *find_plane(const struct waybuf_kms_picture *picture,
	const struct waybuf_kms_layer *layer, int64_t ceiling, const char **reason)
{
	const struct waybuf_kms_resources *res = &picture->device->res;
	struct waybuf_kms_plane *best = NULL;
	for (uint32_t i = 0; i < res->n_planes; i++) {
		struct waybuf_kms_plane *plane = res->planes[i];
		if (!is_free(picture, plane) || height_of(plane) >= ceiling)
			continue;
		const char *refusal = plane_refusal(picture, plane, layer);
		if (refusal)
			*reason = refusal;
		else if (!best || height_of(plane) > height_of(best))
			best = plane;
	}
	return best;
}

static void compose(struct waybuf_kms_place *place, const char *reason)
{
	place->plane = NULL;
	if (place->layer.fb)
		place->reason = reason;
}

static bool is_under_composed(const struct waybuf_kms_picture *picture, uint32_t index)
{
	const struct waybuf_kms_place *places = picture->places;
	for (uint32_t i = 0; i < index; i++)
		if (!places[i].plane && overlap(&places[i].layer, &places[index].layer))
			return true;
	return false;
}

/* ---- the search ------------------------------------------------------------------------------ */

/* Anything else is about memory, fds, or who is master. */
static bool is_refusal(int error)
{
	return error == -EINVAL || error == -ERANGE || error == -ENOSPC || error == -EOPNOTSUPP;
}

static bool test(struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture)
{
	assigner->said.text[0] = '\0';
	if (assigner->budget == 0)
		return false;
	assigner->budget--;
	assigner->stats.tests++;
	int ret = assigner->ops->test(assigner->data, picture, &assigner->said);
	assigner->passing |= ret < 0 && !is_refusal(ret);
	return ret == 0;
}

/* Puts one layer on the first plane that takes it. @ask: that the device agrees to. */
static void place_one(struct waybuf_kms_assigner *assigner,
	const struct waybuf_kms_picture *picture, uint32_t index, bool ask)
{
	struct waybuf_kms_place *place = &picture->places[index];
	const char *reason = "no plane is left for it";
	int64_t ceiling = ceiling_of(picture, index);
	while ((place->plane = find_plane(picture, &place->layer, ceiling, &reason))) {
		if (!ask || test(assigner, picture))
			return;
		ceiling = height_of(place->plane);
		place->plane = NULL;
		reason = assigner->said.text[0] ? "the display refuses it"
						: "too many tests were needed";
		place->why = assigner->said;
	}
	compose(place, reason);
}

/* All but the primary plane. */
static void place_all(
	struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture, bool ask)
{
	for (uint32_t i = 0; i < picture->n_places; i++) {
		struct waybuf_kms_place *place = &picture->places[i];
		place->plane = NULL;
		if (!place->layer.fb)
			continue;
		place->reason = NULL;
		place->why.text[0] = '\0';
	}
	for (uint32_t i = 0; i < picture->n_places; i++) {
		if (!picture->places[i].layer.fb)
			continue;
		if (is_under_composed(picture, i))
			compose(&picture->places[i], "something composed covers it");
		else
			place_one(assigner, picture, i, ask);
	}
}

static bool fills(const struct waybuf_kms_picture *picture, const struct waybuf_kms_layer *layer)
{
	return layer->x == 0 && layer->y == 0 && layer->w == picture->width &&
		layer->h == picture->height;
}

/*
 * The lowest layer, if all others are on planes above: it needs none of those. NULL: something has
 * to be composed in any case, or there is nothing at all, which is a black image.
 */
static struct waybuf_kms_place *find_base(const struct waybuf_kms_picture *picture)
{
	if (picture->n_places == 0)
		return NULL;
	struct waybuf_kms_place *lowest = &picture->places[picture->n_places - 1];
	for (uint32_t i = 0; i + 1 < picture->n_places; i++)
		if (!picture->places[i].plane)
			return NULL;
	if (!lowest->layer.fb || !fills(picture, &lowest->layer) ||
		plane_refusal(picture, picture->primary, &lowest->layer))
		return NULL;
	return lowest;
}

static bool move_to_primary(const struct waybuf_kms_picture *picture)
{
	struct waybuf_kms_place *base = find_base(picture);
	if (!base)
		return false;
	base->plane = picture->primary;
	base->reason = NULL;
	base->why.text[0] = '\0';
	return true;
}

/* Layer by layer, when not everything can have what it wants. */
static bool search(struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture)
{
	place_all(assigner, picture, true);
	if (picture->n_places == 0)
		return false;
	struct waybuf_kms_place *lowest = &picture->places[picture->n_places - 1];
	const struct waybuf_kms_place before = *lowest;
	if (!move_to_primary(picture))
		return false;
	if (test(assigner, picture))
		return true;
	*lowest = before;
	if (!lowest->plane && assigner->said.text[0]) {
		lowest->reason = "the display refuses it";
		lowest->why = assigner->said;
	}
	return false;
}

static bool answer(struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture)
{
	assigner->budget = WAYBUF_KMS_ASSIGN_TESTS;
	assigner->passing = false;
	place_all(assigner, picture, false);
	bool on_primary = move_to_primary(picture);
	bool any = false;
	for (uint32_t i = 0; i < picture->n_places; i++)
		any |= picture->places[i].plane != NULL;
	if (!any || test(assigner, picture))
		return on_primary;
	return search(assigner, picture);
}

/* Another CRTC has got a plane since. */
static bool is_outdated(
	const struct waybuf_kms_assigner *assigner, const struct waybuf_kms_picture *picture)
{
	for (uint32_t i = 0; i < picture->n_places; i++) {
		const struct waybuf_kms_plane *plane = assigner->answers[i].plane;
		if (plane && is_elsewhere(picture, plane))
			return true;
	}
	return false;
}

bool waybuf_kms_assign(struct waybuf_kms_assigner *assigner, struct waybuf_kms_picture *picture)
{
	if (is_same(assigner, picture) && !is_outdated(assigner, picture)) {
		assigner->stats.reused++;
		recall(assigner, picture);
		return assigner->on_primary;
	}
	bool on_primary = answer(assigner, picture);
	remember(assigner, picture, on_primary);
	return on_primary;
}

/* ---- an answer as a state -------------------------------------------------------------------- */

static bool is_shown(const struct waybuf_kms_plane_state *now, uint32_t crtc,
	const struct waybuf_kms_layer *layer)
{
	const struct waybuf_kms_layer *old = &now->layer;
	return old->fb == layer->fb && now->crtc == crtc && old->src_x == layer->src_x &&
		old->src_y == layer->src_y && old->src_w == layer->src_w &&
		old->src_h == layer->src_h && old->x == layer->x && old->y == layer->y &&
		old->w == layer->w && old->h == layer->h && old->rotation == layer->rotation &&
		old->alpha == layer->alpha && old->straight == layer->straight && !old->has_zpos &&
		!layer->has_zpos && old->has_color == layer->has_color &&
		old->color_encoding == layer->color_encoding &&
		old->color_range == layer->color_range && layer->in_fence < 0;
}

static int put(struct waybuf_kms_state *state, const struct waybuf_kms_picture *picture,
	struct waybuf_kms_plane *plane, const struct waybuf_kms_layer *layer,
	struct waybuf_kms_why *why)
{
	struct waybuf_kms_layer own = *layer;
	waybuf_kms_layer_set_color(&own, plane);
	if (is_shown(&state->planes[plane->index], picture->crtc->index, &own))
		return 0;
	return waybuf_kms_state_set_plane(state, plane, picture->crtc, &own, why);
}

/* Whatever else is on the CRTC: the image of what is composed may be over it. */
static void clear_others(struct waybuf_kms_state *state, const struct waybuf_kms_picture *picture)
{
	const struct waybuf_kms_resources *res = &state->device->res;
	for (uint32_t i = 0; i < res->n_planes; i++) {
		struct waybuf_kms_plane *plane = res->planes[i];
		bool here =
			state->planes[i].layer.fb && state->planes[i].crtc == picture->crtc->index;
		if (here && plane != picture->primary && !is_taken(picture, plane))
			waybuf_kms_state_set_plane(state, plane, picture->crtc, NULL, NULL);
	}
}

int waybuf_kms_picture_set(struct waybuf_kms_state *state, const struct waybuf_kms_picture *picture,
	struct waybuf_kms_fb *composed, struct waybuf_kms_why *why)
{
	int ret = 0;
	clear_others(state, picture);
	if (composed && !is_taken(picture, picture->primary)) {
		struct waybuf_kms_layer layer;
		waybuf_kms_layer_init(&layer, composed);
		ret = put(state, picture, picture->primary, &layer, why);
	}
	for (uint32_t i = 0; i < picture->n_places && ret == 0; i++) {
		const struct waybuf_kms_place *place = &picture->places[i];
		if (place->plane)
			ret = put(state, picture, place->plane, &place->layer, why);
	}
	return ret;
}
