/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alpha-modifier-v1-client-protocol.h"
#include "guest/daemon_fixture.h"
#include "guest/recorder.h"
#include "guest/reference.h"
#include "viewporter-client-protocol.h"

/*
 * What is composed must be what it would be if all of each frame was drawn. Two waybufd get the same
 * random changes from clients that damage no more than they change: one draws what has changed, the
 * other one all (--full-repaint). After each step their pictures are the same in every pixel.
 */

enum { WIDTH = 160, HEIGHT = 120, N_THINGS = 5, N_SLOTS = 4, STEPS = 800 };

/* A surface of both servers, and what it shows. The memory is the same for both. */
struct thing {
	struct wl_surface *surface[2];
	struct wl_subsurface *role[2];
	struct wp_viewport *viewport[2];
	struct wp_alpha_modifier_surface_v1 *alpha[2];
	struct wl_buffer *buffers[2][N_SLOTS];
	uint32_t *canvas; /* NULL: it does not exist */
	uint8_t *memory;
	size_t size;
	uint32_t width, height, stride, format;
	unsigned next; /* of the slots */
	int transform, scale;
	bool cropped, sized; /* by the viewport */
	int32_t sized_width, sized_height;
	bool mapped;
	uint32_t solid[4]; /* x, y, width, height of the buffer: opaque, whatever is drawn */
};

struct world {
	struct daemon daemon[2];
	struct client client[2];
	struct window window[2];
	struct wp_viewporter *viewporter[2];
	struct wp_alpha_modifier_v1 *modifier[2];
	struct thing things[N_THINGS];
	/* another toplevel, above or below; its surface is no thing */
	struct window other[2];
	struct picture other_picture[2];
	bool has_other;
	/* of the one that draws what has changed: its pictures are updated, too */
	struct recorder recorder;
	struct picture recorded;
	uint32_t transform;
	uint64_t random;
	char story[1024]; /* of the last step */
};

static uint32_t roll(struct world *w, uint32_t sides)
{
	return (uint32_t)(harness_random(&w->random) >> 33) % sides;
}

static void tell(struct world *w, const char *what, int thing)
{
	size_t length = strlen(w->story);
	snprintf(w->story + length, sizeof(w->story) - length, " %s(%d)", what, thing);
}

/* ---- pixels -------------------------------------------------------------------------------- */

/* No channel above alpha; opaque half of the time. */
static uint32_t noise(uint64_t *random)
{
	uint64_t bits = harness_random(random) >> 16;
	uint32_t alpha = bits & 1 ? 255 : (uint32_t)(bits >> 1) & 255;
	uint32_t pixel = alpha << 24;
	for (int c = 0; c < 3; c++)
		pixel |= ((uint32_t)(bits >> (10 + 8 * c)) & 255) * alpha / 255 << (8 * c);
	return pixel;
}

static void fill(struct thing *t, uint64_t *random, const uint32_t rect[4])
{
	for (uint32_t y = rect[1]; y < rect[1] + rect[3]; y++) {
		for (uint32_t x = rect[0]; x < rect[0] + rect[2]; x++) {
			uint32_t pixel = noise(random);
			bool solid = x - t->solid[0] < t->solid[2] && y - t->solid[1] < t->solid[3];
			t->canvas[y * t->width + x] = solid ? pixel | 0xff000000 : pixel;
		}
	}
}

static void random_rect(struct world *w, const struct thing *t, uint32_t rect[4])
{
	rect[0] = roll(w, t->width);
	rect[1] = roll(w, t->height);
	rect[2] = 1 + roll(w, t->width - rect[0]) / (1 + roll(w, 4));
	rect[3] = 1 + roll(w, t->height - rect[1]) / (1 + roll(w, 4));
}

static void attach(struct thing *t)
{
	uint8_t *to = t->memory + t->next * (t->size / N_SLOTS);
	for (uint32_t y = 0; y < t->height; y++)
		memcpy(to + (size_t)y * t->stride, t->canvas + (size_t)y * t->width,
			(size_t)t->width * 4);
	for (int side = 0; side < 2; side++)
		wl_surface_attach(t->surface[side], t->buffers[side][t->next], 0, 0);
	t->next = (t->next + 1) % N_SLOTS;
	t->mapped = true;
}

/* From the buffer to the surface, which has no viewport, rounded to whole pixels outwards. */
static void surface_rect(const struct thing *t, const uint32_t rect[4], int32_t out[4])
{
	const int back = t->transform == WL_OUTPUT_TRANSFORM_90 ? WL_OUTPUT_TRANSFORM_270
		: t->transform == WL_OUTPUT_TRANSFORM_270       ? WL_OUTPUT_TRANSFORM_90
								: t->transform;
	uint32_t x1 = rect[0], y1 = rect[1], x2 = rect[0] + rect[2] - 1, y2 = rect[1] + rect[3] - 1;
	reference_turn(back, t->width, t->height, &x1, &y1);
	reference_turn(back, t->width, t->height, &x2, &y2);
	const int32_t scale = t->scale;
	int32_t left = (int32_t)(x1 < x2 ? x1 : x2), right = (int32_t)(x1 < x2 ? x2 : x1) + 1;
	int32_t top = (int32_t)(y1 < y2 ? y1 : y2), bottom = (int32_t)(y1 < y2 ? y2 : y1) + 1;
	out[0] = left / scale;
	out[1] = top / scale;
	out[2] = (right + scale - 1) / scale - out[0];
	out[3] = (bottom + scale - 1) / scale - out[1];
}

static void damage(struct world *w, struct thing *t, const uint32_t rect[4])
{
	int32_t on_surface[4];
	bool in_buffer = t->cropped || t->sized || roll(w, 2);
	surface_rect(t, rect, on_surface);
	for (int side = 0; side < 2; side++) {
		if (in_buffer)
			wl_surface_damage_buffer(t->surface[side], (int32_t)rect[0],
				(int32_t)rect[1], (int32_t)rect[2], (int32_t)rect[3]);
		else
			wl_surface_damage(t->surface[side], on_surface[0], on_surface[1],
				on_surface[2], on_surface[3]);
	}
}

static void commit(struct thing *t)
{
	for (int side = 0; side < 2; side++)
		wl_surface_commit(t->surface[side]);
}

static void draw(struct world *w, struct thing *t)
{
	uint32_t rects[3][4];
	uint32_t n = 1 + roll(w, 3);
	for (uint32_t i = 0; i < n; i++) {
		random_rect(w, t, rects[i]);
		fill(t, &w->random, rects[i]);
		damage(w, t, rects[i]);
	}
	attach(t);
}

/* And says nothing of where. */
static void draw_all(struct world *w, struct thing *t)
{
	const uint32_t all[4] = {0, 0, t->width, t->height};
	fill(t, &w->random, all);
	attach(t);
}

/* ---- how it is shown ------------------------------------------------------------------------- */

static void unset_viewport(struct thing *t)
{
	t->cropped = t->sized = false;
	for (int side = 0; side < 2; side++) {
		wp_viewport_set_source(t->viewport[side], wl_fixed_from_int(-1),
			wl_fixed_from_int(-1), wl_fixed_from_int(-1), wl_fixed_from_int(-1));
		wp_viewport_set_destination(t->viewport[side], -1, -1);
	}
}

static void set_viewport(struct world *w, struct thing *t)
{
	bool turned = t->transform & 1;
	uint32_t width = (turned ? t->height : t->width) / (uint32_t)t->scale;
	uint32_t height = (turned ? t->width : t->height) / (uint32_t)t->scale;
	unset_viewport(t);
	uint32_t how = roll(w, 4);
	if (how == 0)
		return;
	t->sized = true;
	t->cropped = how > 1;
	t->sized_width = how == 3 ? (int32_t)width : 1 + (int32_t)roll(w, width * 3);
	t->sized_height = how == 3 ? (int32_t)height : 1 + (int32_t)roll(w, height * 3);
	wl_fixed_t x = (wl_fixed_t)roll(w, width * 256 / 2);
	wl_fixed_t y = (wl_fixed_t)roll(w, height * 256 / 2);
	wl_fixed_t source_width = 1 + (wl_fixed_t)roll(w, width * 256 / 2);
	wl_fixed_t source_height = 1 + (wl_fixed_t)roll(w, height * 256 / 2);
	for (int side = 0; side < 2; side++) {
		wp_viewport_set_destination(t->viewport[side], t->sized_width, t->sized_height);
		if (t->cropped)
			wp_viewport_set_source(
				t->viewport[side], x, y, source_width, source_height);
	}
}

static void set_solid(struct world *w, struct thing *t)
{
	random_rect(w, t, t->solid);
	for (uint32_t y = t->solid[1]; y < t->solid[1] + t->solid[3]; y++)
		for (uint32_t x = t->solid[0]; x < t->solid[0] + t->solid[2]; x++)
			t->canvas[y * t->width + x] |= 0xff000000;
	damage(w, t, t->solid);
	attach(t);
}

/* @start and @length of a line of @from, in one of @to, without pixels that are partly in it. */
static void shrink(int32_t *start, int32_t *length, uint32_t from, int32_t to)
{
	const int32_t whole = (int32_t)from, end = (*start + *length) * to / whole;
	*start = (*start * to + whole - 1) / whole;
	*length = end - *start;
}

/* What is said of it is true. */
static void set_opaque(const struct world *w, struct thing *t)
{
	const bool turned = t->transform & 1;
	const struct thing unscaled = {
		.width = t->width, .height = t->height, .transform = t->transform, .scale = 1};
	const uint32_t width = turned ? t->height : t->width;
	const uint32_t height = turned ? t->width : t->height;
	int32_t rect[4];
	for (int side = 0; side < 2; side++) {
		struct wl_region *region = wl_compositor_create_region(w->client[side].compositor);
		surface_rect(&unscaled, t->solid, rect);
		shrink(&rect[0], &rect[2], width,
			t->sized ? t->sized_width : (int32_t)width / t->scale);
		shrink(&rect[1], &rect[3], height,
			t->sized ? t->sized_height : (int32_t)height / t->scale);
		if (!t->cropped && t->solid[2])
			wl_region_add(region, rect[0], rect[1], rect[2], rect[3]);
		wl_surface_set_opaque_region(t->surface[side], region);
		wl_region_destroy(region);
	}
}

static void set_transform(struct world *w, struct thing *t)
{
	unset_viewport(t);
	t->transform = (int)roll(w, 8);
	for (int side = 0; side < 2; side++)
		wl_surface_set_buffer_transform(t->surface[side], t->transform);
}

static void set_scale(struct world *w, struct thing *t)
{
	unset_viewport(t);
	t->scale = 1 + (int)roll(w, 2);
	for (int side = 0; side < 2; side++)
		wl_surface_set_buffer_scale(t->surface[side], t->scale);
}

static void set_alpha(struct world *w, struct thing *t)
{
	uint32_t factor = roll(w, 2) ? UINT32_MAX : roll(w, 256) << 24;
	for (int side = 0; side < 2; side++)
		wp_alpha_modifier_surface_v1_set_multiplier(t->alpha[side], factor);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void free_buffers(struct thing *t)
{
	for (int i = 0; i < N_SLOTS; i++)
		for (int side = 0; side < 2; side++)
			wl_buffer_destroy(t->buffers[side][i]);
	munmap(t->memory, t->size);
	free(t->canvas);
	t->canvas = NULL;
}

/* Rows are where pixman wants them, or not. */
static void make_buffers(struct world *w, struct thing *t, uint32_t width, uint32_t height)
{
	t->width = width;
	t->height = height;
	t->stride = width * 4 + (roll(w, 4) ? 0 : 2);
	t->format = roll(w, 3) ? WL_SHM_FORMAT_ARGB8888 : WL_SHM_FORMAT_XRGB8888;
	size_t one = ((size_t)t->stride * height + 3) / 4 * 4;
	t->size = one * N_SLOTS;
	t->next = 0;
	memset(t->solid, 0, sizeof(t->solid));
	t->canvas = calloc((size_t)width * height, 4);
	int fd = memfd_create("thing", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, (off_t)t->size), 0);
	t->memory = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(t->memory, MAP_FAILED);
	for (int side = 0; side < 2; side++) {
		struct wl_shm_pool *pool =
			wl_shm_create_pool(w->client[side].shm, fd, (int32_t)t->size);
		for (int i = 0; i < N_SLOTS; i++)
			t->buffers[side][i] = wl_shm_pool_create_buffer(pool, (int32_t)one * i,
				(int32_t)width, (int32_t)height, (int32_t)t->stride, t->format);
		wl_shm_pool_destroy(pool);
	}
	close(fd);
}

static void resize(struct world *w, struct thing *t)
{
	struct thing old = *t;
	unset_viewport(t);
	make_buffers(w, t, 2 * (1 + roll(w, 60)), 2 * (1 + roll(w, 50)));
	draw_all(w, t);
	set_opaque(w, t);
	commit(t);
	free_buffers(&old);
}

static void show(struct world *w, struct thing *t)
{
	t->scale = 1;
	for (int side = 0; side < 2; side++) {
		t->viewport[side] =
			wp_viewporter_get_viewport(w->viewporter[side], t->surface[side]);
		t->alpha[side] =
			wp_alpha_modifier_v1_get_surface(w->modifier[side], t->surface[side]);
	}
	make_buffers(w, t, 2 * (1 + roll(w, 60)), 2 * (1 + roll(w, 50)));
	draw_all(w, t);
	commit(t);
}

/* The last one is the first one's child, and the third goes its own way. */
static void create(struct world *w, int i)
{
	struct thing *t = &w->things[i];
	struct thing *parent = &w->things[i == 4 ? 1 : 0];
	for (int side = 0; side < 2; side++) {
		t->surface[side] = wl_compositor_create_surface(w->client[side].compositor);
		t->role[side] = wl_subcompositor_get_subsurface(
			w->client[side].subcompositor, t->surface[side], parent->surface[side]);
		if (i == 3)
			wl_subsurface_set_desync(t->role[side]);
	}
	show(w, t);
}

static void destroy(struct thing *t)
{
	if (!t->canvas)
		return;
	for (int side = 0; side < 2; side++) {
		wp_alpha_modifier_surface_v1_destroy(t->alpha[side]);
		wp_viewport_destroy(t->viewport[side]);
		if (t->role[side])
			wl_subsurface_destroy(t->role[side]);
		if (t->role[side])
			wl_surface_destroy(t->surface[side]);
	}
	free_buffers(t);
	*t = (struct thing){.canvas = NULL};
}

/* Its buffers can be written to at once, and its child goes with it. */
static void replace(struct world *w, int i)
{
	bool lonely = i == 1 && w->things[4].canvas;
	if (lonely)
		destroy(&w->things[4]);
	destroy(&w->things[i]);
	create(w, i);
	if (lonely)
		create(w, 4);
}

static void toggle_other(struct world *w)
{
	uint32_t width = 2 + roll(w, 80), height = 2 + roll(w, 80), seed = roll(w, 1000);
	for (int side = 0; side < 2; side++) {
		if (w->has_other) {
			window_finish(&w->other[side]);
			picture_finish(&w->other_picture[side]);
			continue;
		}
		window_init(&w->other[side], &w->client[side]);
		picture_init(&w->client[side], &w->other_picture[side], PICTURE_SHM, width, height,
			DRM_FORMAT_XRGB8888);
		picture_draw(&w->other_picture[side], seed);
		window_commit(&w->other[side], &w->other_picture[side]);
	}
	w->has_other = !w->has_other;
}

static void move(struct world *w, struct thing *t)
{
	int32_t x = (int32_t)roll(w, WIDTH) - WIDTH / 3, y = (int32_t)roll(w, HEIGHT) - HEIGHT / 3;
	for (int side = 0; side < 2; side++)
		wl_subsurface_set_position(t->role[side], x, y);
}

static void restack(struct world *w, int i)
{
	struct thing *t = &w->things[i];
	int next_to = i == 4 ? 1 : (int)roll(w, 4);
	bool above = roll(w, 2);
	if (next_to == i || !w->things[next_to].canvas)
		return;
	for (int side = 0; side < 2; side++)
		(above ? wl_subsurface_place_above : wl_subsurface_place_below)(
			t->role[side], w->things[next_to].surface[side]);
}

static void unmap(struct thing *t)
{
	for (int side = 0; side < 2; side++)
		wl_surface_attach(t->surface[side], NULL, 0, 0);
	t->mapped = false;
}

/* ---- the test -------------------------------------------------------------------------------- */

static void change_view(struct world *w, int i)
{
	struct thing *t = &w->things[i];
	static void (*const changes[])(struct world *, struct thing *) = {
		set_viewport, set_viewport, set_transform, set_scale, set_alpha, set_solid};
	uint32_t which = roll(w, sizeof(changes) / sizeof(changes[0]));
	tell(w,
		(const char *[]){
			"viewport", "viewport", "transform", "scale", "alpha", "solid"}[which],
		i);
	changes[which](w, t);
	set_opaque(w, t);
	commit(t);
}

/* Drawn while it is shown in another way, and back: one state, where it is synchronised. */
static void detour(struct world *w, struct thing *t)
{
	const int scale = t->scale;
	unset_viewport(t);
	commit(t);
	for (int side = 0; side < 2; side++)
		wl_surface_set_buffer_scale(t->surface[side], 3 - scale);
	t->scale = 3 - scale;
	set_opaque(w, t);
	draw(w, t);
	commit(t);
	t->scale = scale;
	for (int side = 0; side < 2; side++)
		wl_surface_set_buffer_scale(t->surface[side], scale);
	set_opaque(w, t);
	commit(t);
}

static void change(struct world *w, int i)
{
	struct thing *t = &w->things[i];
	switch (roll(w, 18)) {
	case 0:
	case 1:
	case 2:
		change_view(w, i);
		return;
	case 3:
	case 4:
		tell(w, "move", i);
		if (i > 0)
			move(w, t);
		return;
	case 5:
	case 6:
		tell(w, "restack", i);
		if (i > 0)
			restack(w, i);
		return;
	case 7:
		tell(w, "resize", i);
		resize(w, t);
		return;
	case 8:
		tell(w, t->mapped ? "unmap" : "map", i);
		if (i > 0 && t->mapped)
			unmap(t);
		else
			draw(w, t);
		break;
	case 9:
		tell(w, "replace", i);
		if (i > 0 && roll(w, 3) == 0)
			replace(w, i);
		return;
	case 10:
	case 11:
		tell(w, "detour", i);
		detour(w, t);
		return;
	case 12:
		tell(w, "draw all", i);
		draw_all(w, t);
		break;
	default:
		tell(w, "draw", i);
		draw(w, t);
	}
	commit(t);
}

static void step(struct world *w)
{
	w->story[0] = 0;
	/* one that needs nobody's commit, or several of what does */
	if (roll(w, 4) == 0) {
		tell(w, "draw", 3);
		draw(w, &w->things[3]);
		commit(&w->things[3]);
		return;
	}
	for (uint32_t n = 1 + roll(w, 3); n > 0; n--)
		change(w, (int)roll(w, N_THINGS));
	if (roll(w, 30) == 0) {
		tell(w, "other window", 0);
		toggle_other(w);
	}
	commit(&w->things[1]);
	commit(&w->things[0]);
}

static bool is_recorded(const struct world *w, const struct picture *picture)
{
	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH; x++)
			if ((picture_pixel(&w->recorded, x, y) & 0xffffff) !=
				(picture_pixel(picture, x, y) & 0xffffff))
				return false;
	return true;
}

/* A frame that was asked for may have come between two commits of a step. */
static void record(struct world *w, const struct picture *picture)
{
	struct recorder *recorder = &w->recorder;
	if (recorder->frame && !recorder->ready)
		ck_assert(is_recorded(w, picture) || recorder_wait(recorder, PATIENCE_MS));
	while (!is_recorded(w, picture))
		recorder_take(recorder, w->recorded.buffer);
	if (recorder->ready)
		ck_assert_uint_eq(recorder->transform, w->transform);
	if (!recorder->frame || recorder->ready)
		recorder_ask(recorder, w->recorded.buffer);
}

/* A capture waits for what was committed before it. */
static void compare(struct world *w, int number)
{
	struct picture pictures[2];
	for (int side = 0; side < 2; side++)
		capture_output(&w->client[side], &pictures[side]);
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x++) {
			uint32_t got = picture_pixel(&pictures[0], x, y) & 0xffffff;
			uint32_t want = picture_pixel(&pictures[1], x, y) & 0xffffff;
			if (got != want)
				ck_abort_msg("step %d, after%s: at %u,%u %06x, not %06x", number,
					w->story, x, y, got, want);
		}
	}
	record(w, &pictures[0]);
	for (int side = 0; side < 2; side++)
		picture_finish(&pictures[side]);
}

static void begin(struct world *w, const char *transform, uint32_t number, const char *scale)
{
	const char *const options[2][7] = {
		{"--headless=160x120@1000", "--transform", transform, "--scale", scale},
		{"--headless=160x120@1000", "--transform", transform, "--scale", scale,
			"--full-repaint"},
	};
	*w = (struct world){.random = harness_seed(), .transform = number};
	for (int side = 0; side < 2; side++) {
		daemon_start(&w->daemon[side], options[side]);
		client_connect(&w->client[side], &w->daemon[side]);
		w->viewporter[side] = client_bind(&w->client[side], &wp_viewporter_interface, 1);
		w->modifier[side] =
			client_bind(&w->client[side], &wp_alpha_modifier_v1_interface, 1);
		window_init(&w->window[side], &w->client[side]);
		w->things[0].surface[side] = w->window[side].surface;
	}
	recorder_init(&w->recorder, &w->client[0]);
	picture_init(&w->client[0], &w->recorded, PICTURE_SHM, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888);
	show(w, &w->things[0]);
	for (int i = 1; i < N_THINGS; i++)
		create(w, i);
	commit(&w->things[1]);
	commit(&w->things[0]);
}

static void end(struct world *w)
{
	if (w->has_other)
		toggle_other(w);
	recorder_finish(&w->recorder);
	picture_finish(&w->recorded);
	for (int i = N_THINGS; i-- > 0;)
		destroy(&w->things[i]);
	for (int side = 0; side < 2; side++) {
		window_finish(&w->window[side]);
		wp_alpha_modifier_v1_destroy(w->modifier[side]);
		wp_viewporter_destroy(w->viewporter[side]);
		client_disconnect(&w->client[side]);
		ck_assert_int_eq(daemon_stop(&w->daemon[side], SIGTERM), 0);
	}
}

static void run(const char *transform, uint32_t number, const char *scale)
{
	static struct world w;
	begin(&w, transform, number, scale);
	compare(&w, 0);
	for (int i = 1, n = harness_tries(STEPS); i <= n; i++) {
		step(&w);
		compare(&w, i);
	}
	end(&w);
}

TEST(upright)
{
	run("normal", WL_OUTPUT_TRANSFORM_NORMAL, "1");
}

TEST(turned)
{
	run("flipped-90", WL_OUTPUT_TRANSFORM_FLIPPED_90, "1");
}

/* Also what is drawn for that, as most of it is not. */
TEST(scaled)
{
	run("270", WL_OUTPUT_TRANSFORM_270, "1.5");
}

TEST_TIMEOUT(200)
TEST_MAIN("daemon-damage-random")
