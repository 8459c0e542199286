/* SPDX-License-Identifier: MIT */

/*
 * A client that follows linux-dmabuf's feedback: it allocates what the compositor prefers for its
 * surface, and again when that changes.
 *
 *	feedback-client [--frames N] [--colour RRGGBB] [--hold SECONDS] [--heap]
 *
 * Memory comes from the compositor's allocator where there is one, and else, or with --heap, from a
 * dma-heap. The CPU draws, so that of all pairs only linear RGB will do. A compositor of version 3
 * has no feedback: it lists its pairs, without an order.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <waybuf/client.h>

#include "heap.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "number.h"
#include "window.h"

/* A line of the format table, as the protocol has it. */
struct pair {
	uint32_t format, padding;
	uint64_t modifier;
};

/* What is wanted of the buffers. Format 0: nothing that can be drawn here. */
struct choice {
	uint32_t format;
	const char *tranche; /* what it is preferred for */
};

struct feedback {
	struct zwp_linux_dmabuf_feedback_v1 *proxy; /* NULL: version 3 */
	const struct pair *table;
	size_t table_size; /* bytes */
	/* of the tranche that is being told, and the best of those before it */
	struct choice tranche, best;
	/* of the last feedback that was whole */
	struct choice choice;
	uint32_t changes;
};

/* One of two that are drawn in turn, without an allocator. */
struct heap_buffer {
	struct heap_memory memory;
	struct wl_buffer *wl_buffer;
	bool busy;
};

struct client {
	struct window window;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	uint32_t dmabuf_version;
	struct feedback feedback;
	uint32_t width, height;
	uint32_t format; /* of the buffers there are; 0: none */
	struct waybuf_client *waybuf; /* NULL: a dma-heap */
	struct waybuf_client_pool *pool;
	struct heap_buffer buffers[2];
	uint32_t frames, colour, hold_s;
	bool use_heap;
};

static bool fail(const char *what)
{
	fprintf(stderr, "feedback-client: %s\n", what);
	return false;
}

/* ---- feedback ------------------------------------------------------------------------------ */

/* The alpha of ARGB is drawn as opaque; XRGB needs no blending, and more planes take it. */
static bool is_better(const struct pair *pair, uint32_t than)
{
	if (pair->modifier != DRM_FORMAT_MOD_LINEAR)
		return false;
	return pair->format == DRM_FORMAT_XRGB8888 ||
		(!than && pair->format == DRM_FORMAT_ARGB8888);
}

static void handle_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, int32_t fd, uint32_t size)
{
	struct feedback *feedback = data;
	if (feedback->table)
		munmap((void *)feedback->table, feedback->table_size);
	void *table = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	feedback->table = table == MAP_FAILED ? NULL : table;
	feedback->table_size = size;
	close(fd);
}

static void handle_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *device)
{
	/* The allocator, and a heap's memory, are for whatever device there is. */
}

static void handle_formats(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *indices)
{
	struct feedback *feedback = data;
	const uint16_t *index;
	wl_array_for_each(index, indices) {
		const struct pair *pair = feedback->table + *index;
		if (feedback->table && (*index + 1u) * sizeof(*pair) <= feedback->table_size &&
			is_better(pair, feedback->tranche.format))
			feedback->tranche.format = pair->format;
	}
}

static void handle_flags(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, uint32_t flags)
{
	struct feedback *feedback = data;
	bool scanout = flags & ZWP_LINUX_DMABUF_FEEDBACK_V1_TRANCHE_FLAGS_SCANOUT;
	feedback->tranche.tranche = scanout ? "scanout" : "sampling";
}

/* Tranches come in descending preference: the first one that has something counts. */
static void handle_tranche_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	struct feedback *feedback = data;
	if (!feedback->best.format)
		feedback->best = feedback->tranche;
	feedback->tranche = (struct choice){0};
}

static void handle_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	struct feedback *feedback = data;
	feedback->choice = feedback->best;
	feedback->best = (struct choice){0};
	feedback->changes++;
}

static const struct zwp_linux_dmabuf_feedback_v1_listener feedback_listener = {
	.done = handle_done,
	.format_table = handle_table,
	.main_device = handle_device,
	.tranche_done = handle_tranche_done,
	.tranche_target_device = handle_device,
	.tranche_formats = handle_formats,
	.tranche_flags = handle_flags,
};

static void handle_format(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format)
{
	/* The event below says more. */
}

static void handle_modifier(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo)
{
	struct choice *choice = &((struct client *)data)->feedback.choice;
	const struct pair pair = {
		.format = format, .modifier = (uint64_t)modifier_hi << 32 | modifier_lo};
	if (is_better(&pair, choice->format))
		*choice = (struct choice){format, "no feedback"};
}

static const struct zwp_linux_dmabuf_v1_listener dmabuf_listener = {
	.format = handle_format,
	.modifier = handle_modifier,
};

static bool start_feedback(struct client *client)
{
	struct feedback *feedback = &client->feedback;
	if (client->dmabuf_version >= 4) {
		feedback->proxy = zwp_linux_dmabuf_v1_get_surface_feedback(
			client->dmabuf, client->window.surface);
		zwp_linux_dmabuf_feedback_v1_add_listener(
			feedback->proxy, &feedback_listener, feedback);
	}
	window_sync(&client->window);
	return feedback->choice.format ||
		fail("the compositor takes no linear RGB, which is all that is drawn here");
}

static void finish_feedback(struct feedback *feedback)
{
	if (feedback->proxy)
		zwp_linux_dmabuf_feedback_v1_destroy(feedback->proxy);
	if (feedback->table)
		munmap((void *)feedback->table, feedback->table_size);
}

/* ---- buffers of a dma-heap ----------------------------------------------------------------- */

static void handle_release(void *data, struct wl_buffer *wl_buffer)
{
	((struct heap_buffer *)data)->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static bool init_heap_buffer(struct client *client, struct heap_buffer *buffer)
{
	const uint32_t stride = heap_stride(client->width);
	if (!heap_allocate(&buffer->memory, stride, client->height))
		return false;
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add(params, buffer->memory.fd, 0, 0, stride,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	/* a pair of the feedback is importable, so this waits for no answer */
	buffer->wl_buffer = zwp_linux_buffer_params_v1_create_immed(
		params, (int32_t)client->width, (int32_t)client->height, client->format, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	wl_buffer_add_listener(buffer->wl_buffer, &buffer_listener, buffer);
	buffer->busy = false;
	return true;
}

static struct heap_buffer *free_buffer(struct client *client)
{
	for (size_t i = 0; i < 2; i++)
		if (!client->buffers[i].busy)
			return &client->buffers[i];
	return NULL;
}

static void finish_heap_buffers(struct client *client)
{
	for (size_t i = 0; i < 2; i++) {
		struct heap_buffer *buffer = &client->buffers[i];
		if (buffer->wl_buffer)
			wl_buffer_destroy(buffer->wl_buffer);
		buffer->wl_buffer = NULL;
		heap_free(&buffer->memory);
	}
}

/* ---- buffers of the allocator -------------------------------------------------------------- */

static struct waybuf_constraints *make_constraints(uint32_t format)
{
	const uint64_t linear = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *constraints = NULL;
	if (!builder)
		return NULL;
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, &format, 1, &linear, 1);
	if (waybuf_constraints_builder_finish(builder, &constraints) < 0)
		constraints = NULL;
	waybuf_constraints_builder_destroy(builder);
	return constraints;
}

static bool init_pool(struct client *client)
{
	struct waybuf_client_pool_options options = {
		.width = client->width,
		.height = client->height,
		.name = "feedback-client",
		.constraints = make_constraints(client->format),
		.display = true,
	};
	int ret = options.constraints
		? waybuf_client_pool_create(client->waybuf, &options, &client->pool)
		: -1;
	waybuf_constraints_unref(options.constraints);
	return ret == 0 || fail(waybuf_client_error(client->waybuf));
}

/* ---- whichever ----------------------------------------------------------------------------- */

static void finish_buffers(struct client *client)
{
	finish_heap_buffers(client);
	waybuf_client_pool_destroy(client->pool);
	client->pool = NULL;
}

/* Makes buffers as the compositor wants them now, if those that there are are others. */
static bool follow_feedback(struct client *client)
{
	const struct choice *choice = &client->feedback.choice;
	if (!choice->format || choice->format == client->format)
		return true;
	finish_buffers(client);
	client->format = choice->format;
	if (client->waybuf)
		return init_pool(client);
	return init_heap_buffer(client, &client->buffers[0]) &&
		init_heap_buffer(client, &client->buffers[1]);
}

/* One colour, and a darker square that moves with the frame. */
static void draw(const struct client *client, void *pixels, uint32_t stride, uint32_t frame)
{
	const uint32_t size = client->height / 4, left = frame * 8 % client->width;
	const uint32_t colour = client->colour | 0xff000000;
	const uint32_t darker = (client->colour >> 1 & 0x7f7f7f) | 0xff000000;
	for (uint32_t y = 0; y < client->height; y++) {
		uint32_t *row = (uint32_t *)((char *)pixels + (size_t)y * stride);
		for (uint32_t x = 0; x < client->width; x++) {
			bool inside = x >= left && x < left + size && y < size;
			row[x] = inside ? darker : colour;
		}
	}
}

static bool show_pool_frame(struct client *client, uint32_t frame)
{
	struct waybuf_client_buffer *buffer;
	struct waybuf_client_image image;
	if (waybuf_client_pool_acquire(client->pool, WINDOW_PATIENCE_MS, &buffer) < 0 ||
		waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image) < 0)
		return fail(waybuf_client_error(client->waybuf));
	draw(client, image.planes[0].data, image.planes[0].stride, frame);
	if (waybuf_client_buffer_end_cpu(buffer) < 0)
		return fail(waybuf_client_error(client->waybuf));
	if (frame == 0)
		printf("memory of %s\n", waybuf_client_buffer_get_layout(buffer)->exporter);
	window_request_frame(&client->window);
	return waybuf_client_buffer_present(buffer, client->window.surface) == 0 ||
		fail(waybuf_client_error(client->waybuf));
}

static bool show_heap_frame(struct client *client, uint32_t frame)
{
	struct heap_buffer *buffer = free_buffer(client);
	struct wl_surface *surface = client->window.surface;
	if (!heap_begin(&buffer->memory))
		return false;
	draw(client, buffer->memory.data, heap_stride(client->width), frame);
	if (!heap_end(&buffer->memory))
		return false;
	buffer->busy = true;
	window_request_frame(&client->window);
	wl_surface_attach(surface, buffer->wl_buffer, 0, 0);
	wl_surface_damage_buffer(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
	return true;
}

/* ---- frames -------------------------------------------------------------------------------- */

static bool may_go_on(const struct client *client)
{
	return !client->window.closed && !window_interrupted();
}

static bool is_ready(struct client *client)
{
	return window_is_ready(&client->window) && (client->waybuf || free_buffer(client));
}

/* Until the next frame may be drawn. */
static bool wait_ready(struct client *client)
{
	int64_t end = window_now_ms() + WINDOW_PATIENCE_MS;
	while (!is_ready(client) && may_go_on(client)) {
		if (window_now_ms() >= end)
			return fail("the compositor does not show the frame");
		if (!window_dispatch(&client->window, 100))
			return fail("the connection is broken");
	}
	return true;
}

static bool hold(struct client *client)
{
	int64_t end = window_now_ms() + (int64_t)client->hold_s * 1000;
	while (window_now_ms() < end && may_go_on(client))
		if (!window_dispatch(&client->window, 100))
			return fail("the connection is broken");
	return true;
}

static bool show_frames(struct client *client, uint32_t *n)
{
	for (*n = 0; *n < client->frames && may_go_on(client); ++*n) {
		if (!follow_feedback(client))
			return false;
		if (!(client->waybuf ? show_pool_frame : show_heap_frame)(client, *n) ||
			!wait_ready(client))
			return false;
	}
	return true;
}

static bool run(struct client *client)
{
	uint32_t frames;
	if (!show_frames(client, &frames))
		return !may_go_on(client);
	if (!hold(client))
		return false;
	printf("feedback-client: %u frames of %u x %u, %s, shown %u, of these without a copy %u\n",
		frames, client->width, client->height, client->feedback.choice.tranche,
		client->window.presented, client->window.zero_copy);
	return true;
}

/* ---- the program --------------------------------------------------------------------------- */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client *client = data;
	if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) != 0 || version < 3)
		return;
	client->dmabuf_version = version < 4 ? version : 4;
	client->dmabuf = wl_registry_bind(
		registry, name, &zwp_linux_dmabuf_v1_interface, client->dmabuf_version);
	zwp_linux_dmabuf_v1_add_listener(client->dmabuf, &dmabuf_listener, client);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* What is bound stays. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static bool run_in_window(struct client *client)
{
	client->width = client->window.width ? (uint32_t)client->window.width : 640;
	client->height = client->window.height ? (uint32_t)client->window.height : 480;
	struct wl_registry *registry = wl_display_get_registry(client->window.display);
	wl_registry_add_listener(registry, &registry_listener, client);
	window_sync(&client->window);
	wl_registry_destroy(registry);
	if (!client->dmabuf)
		return fail("the compositor has no zwp_linux_dmabuf_v1");
	bool ok = start_feedback(client) && run(client);
	finish_feedback(&client->feedback);
	return ok;
}

static bool run_client(struct client *client, struct wl_display *display)
{
	if (!client->use_heap)
		waybuf_client_connect_to_display(display, &client->waybuf);
	if (!window_init(&client->window, display, "feedback-client"))
		return false;
	bool ok = run_in_window(client);
	/* The surface first: it shows the buffers. */
	window_finish(&client->window);
	finish_buffers(client);
	if (client->dmabuf)
		zwp_linux_dmabuf_v1_destroy(client->dmabuf);
	return ok;
}

static bool parse(int argc, char **argv, struct client *client)
{
	static const struct option options[] = {
		{"frames", required_argument, NULL, 'n'},
		{"colour", required_argument, NULL, 'c'},
		{"hold", required_argument, NULL, 's'},
		{"heap", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "n:c:s:h", options, NULL)) != -1) {
		bool ok = option == 'n' && parse_number(optarg, 10, &client->frames);
		ok |= option == 'c' && parse_number(optarg, 16, &client->colour);
		ok |= option == 's' && parse_number(optarg, 10, &client->hold_s);
		client->use_heap |= option == 'h';
		if (!ok && option != 'h')
			return false;
	}
	return optind == argc && client->frames > 0;
}

int main(int argc, char **argv)
{
	struct client client = {
		.frames = 1,
		.colour = 0x3060c0,
		.buffers = {{.memory.fd = -1}, {.memory.fd = -1}},
	};
	if (!parse(argc, argv, &client)) {
		fprintf(stderr,
			"usage: feedback-client [--frames N] [--colour RRGGBB] "
			"[--hold SECONDS] [--heap]\n");
		return 2;
	}
	window_catch_signals();
	struct wl_display *display = wl_display_connect(NULL);
	if (!display) {
		fail("no Wayland server; is WAYLAND_DISPLAY right?");
		return 1;
	}
	bool ok = run_client(&client, display);
	waybuf_client_destroy(client.waybuf);
	wl_display_disconnect(display);
	return ok ? 0 : 1;
}
