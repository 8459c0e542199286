/* SPDX-License-Identifier: MIT */
#include "fake/allocator_surface.h"

#include <check.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "linux-dmabuf-v1-server-protocol.h"
#include "linux-drm-syncobj-v1-server-protocol.h"

static void destroy_resource(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* ---- wl_buffers ---------------------------------------------------------------------------- */

static const struct wl_buffer_interface wl_buffer_impl = {.destroy = destroy_resource};

/* The server, with a resource of which it may hold a pointer. */
static void wl_buffer_gone(struct wl_resource *resource)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	server->wl_buffers--;
	if (server->pending == resource)
		server->pending = NULL;
	if (server->current == resource)
		server->current = NULL;
	for (int i = 0; i < 64; i++) {
		if (server->buffers[i].wl_buffer == resource)
			server->buffers[i].wl_buffer = NULL;
	}
}

static struct wl_resource *make_wl_buffer(
	struct fake_server *server, struct wl_client *client, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(client, &wl_buffer_interface, 1, id);
	wl_resource_set_implementation(resource, &wl_buffer_impl, server, wl_buffer_gone);
	server->wl_buffers++;
	return resource;
}

void fake_create_wl_buffer(struct fake_buffer *buffer, uint32_t id)
{
	buffer->wl_buffer =
		make_wl_buffer(buffer->server, wl_resource_get_client(buffer->resource), id);
}

/* ---- surfaces ------------------------------------------------------------------------------ */

static void handle_attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	server->pending = buffer;
}

static void handle_damage(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	fake_log(wl_resource_get_user_data(resource), "damage");
}

/* Whoever was on the surface until now is free, and the next writer gets its grant. */
void fake_end_claims(struct fake_server *server)
{
	for (int i = 0; i < 64; i++) {
		struct fake_buffer *buffer = &server->buffers[i];
		if (!buffer->claimed)
			continue;
		buffer->claimed = false;
		if (buffer->open && !buffer->granted && server->answer == FAKE_GRANT)
			fake_grant(buffer);
	}
}

static void handle_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, "surface-commit");
	fake_end_claims(server);
	if (server->current && server->current != server->pending)
		wl_buffer_send_release(server->current);
	server->current = server->pending;
	for (int i = 0; i < 64; i++) {
		if (server->current && server->buffers[i].wl_buffer == server->current)
			server->buffers[i].claimed = true;
	}
}

static const struct wl_surface_interface surface_impl = {
	.destroy = destroy_resource,
	.attach = handle_attach,
	.damage = handle_damage,
	.commit = handle_commit,
	.damage_buffer = handle_damage,
};

static void handle_create_surface(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct wl_resource *surface = wl_resource_create(
		client, &wl_surface_interface, wl_resource_get_version(resource), id);
	wl_resource_set_implementation(
		surface, &surface_impl, wl_resource_get_user_data(resource), NULL);
}

static const struct wl_compositor_interface compositor_impl = {
	.create_surface = handle_create_surface,
};

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_compositor_interface, (int)version, id);
	wl_resource_set_implementation(resource, &compositor_impl, data, NULL);
}

/* ---- linux-dmabuf -------------------------------------------------------------------------- */

static void handle_add(struct wl_client *client, struct wl_resource *resource, int32_t fd,
	uint32_t plane, uint32_t offset, uint32_t stride, uint32_t modifier_hi,
	uint32_t modifier_lo)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, "add%u:%u+%u", plane, offset, stride);
	server->modifier = (uint64_t)modifier_hi << 32 | modifier_lo;
	close(fd);
}

/* As in a table of the feedback, which may have pairs twice, and pairs that are not listed. */
static const struct pair {
	uint32_t format, padding;
	uint64_t modifier;
} pairs[] = {
	{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_ARGB8888, 0, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_NV12, 0, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_INVALID},
	{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_ABGR8888, 0, DRM_FORMAT_MOD_LINEAR},
};
#define N_PAIRS (sizeof(pairs) / sizeof(pairs[0]))
/* the first of them are those of version 3 */
#define N_LISTED 4

/* What was listed before, and is not any more, is as wrong here: the protocol does not say. */
static bool is_listed(const struct fake_server *server, uint32_t format)
{
	for (size_t i = 0; i < N_PAIRS; i++)
		if (server->listed & 1u << i && pairs[i].format == format &&
			pairs[i].modifier == server->modifier)
			return true;
	return false;
}

static void handle_create(struct wl_client *client, struct wl_resource *resource, int32_t width,
	int32_t height, uint32_t format, uint32_t flags)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, "import%dx%d", width, height);
	if (server->silent) {
		server->unanswered = resource;
		return;
	}
	if (wl_resource_get_version(resource) >= 4 && !is_listed(server, format)) {
		wl_resource_post_error(
			resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_FORMAT, "not listed");
		return;
	}
	if (server->refuses_imports) {
		zwp_linux_buffer_params_v1_send_failed(resource);
		return;
	}
	for (unsigned i = 0; i <= server->import_repeats; i++)
		zwp_linux_buffer_params_v1_send_created(
			resource, make_wl_buffer(server, client, 0));
}

static void handle_create_immed(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t width, int32_t height, uint32_t format, uint32_t flags)
{
	fake_log(wl_resource_get_user_data(resource), "create_immed");
}

void fake_answer_import(struct fake_server *server)
{
	struct wl_resource *params = server->unanswered;
	server->unanswered = NULL;
	if (params)
		zwp_linux_buffer_params_v1_send_created(
			params, make_wl_buffer(server, wl_resource_get_client(params), 0));
}

/* A server that was late has both requests before it. */
static void handle_params_destroy(struct wl_client *client, struct wl_resource *resource)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	if (server->unanswered == resource)
		fake_answer_import(server);
	wl_resource_destroy(resource);
}

static void params_gone(struct wl_resource *resource)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	if (server->unanswered == resource)
		server->unanswered = NULL;
}

static const struct zwp_linux_buffer_params_v1_interface params_impl = {
	.destroy = handle_params_destroy,
	.add = handle_add,
	.create = handle_create,
	.create_immed = handle_create_immed,
};

static void handle_create_params(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct wl_resource *params = wl_resource_create(client,
		&zwp_linux_buffer_params_v1_interface, wl_resource_get_version(resource), id);
	wl_resource_set_implementation(
		params, &params_impl, wl_resource_get_user_data(resource), params_gone);
}

void fake_send_table(struct fake_server *server)
{
	struct wl_resource *feedback = server->feedback;
	int fd = memfd_create("table", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, pairs, sizeof(pairs)), (ssize_t)sizeof(pairs));
	zwp_linux_dmabuf_feedback_v1_send_format_table(
		feedback, fd, (uint32_t)sizeof(pairs) + server->table_cut);
	close(fd);
}

static void send_tranche(struct fake_server *server, const uint16_t *indices, size_t size)
{
	struct wl_resource *feedback = server->feedback;
	struct wl_array array = {.data = (void *)indices, .size = size};
	struct wl_array device = {.data = &(dev_t){0}, .size = sizeof(dev_t)};
	for (size_t i = 0; i < size / sizeof(*indices); i++)
		server->incoming |= indices[i] < N_PAIRS ? 1u << indices[i] : 0;
	zwp_linux_dmabuf_feedback_v1_send_tranche_target_device(feedback, &device);
	zwp_linux_dmabuf_feedback_v1_send_tranche_flags(feedback, 0);
	zwp_linux_dmabuf_feedback_v1_send_tranche_formats(feedback, &array);
	zwp_linux_dmabuf_feedback_v1_send_tranche_done(feedback);
}

void fake_send_tranche(struct fake_server *server, uint32_t bits)
{
	uint16_t indices[N_PAIRS];
	size_t n = 0;
	for (uint16_t i = 0; i < N_PAIRS; i++)
		if (bits & 1u << i)
			indices[n++] = i;
	send_tranche(server, indices, n * sizeof(indices[0]));
}

void fake_send_done(struct fake_server *server)
{
	zwp_linux_dmabuf_feedback_v1_send_done(server->feedback);
	server->listed = server->incoming;
	server->incoming = 0;
}

static const struct zwp_linux_dmabuf_feedback_v1_interface feedback_impl = {
	.destroy = destroy_resource,
};

static void feedback_gone(struct wl_resource *resource)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	if (server->feedback == resource)
		server->feedback = NULL;
}

/*
 * Two tranches, which share pairs. Of the first the last index is there by half only; the second names
 * some that are not in the table.
 */
static void handle_get_feedback(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	static const uint16_t first[] = {3, 0, 5}, second[] = {0, 4, 1, N_PAIRS, 2, UINT16_MAX};
	struct wl_resource *feedback = wl_resource_create(client,
		&zwp_linux_dmabuf_feedback_v1_interface, wl_resource_get_version(resource), id);
	struct fake_server *server = wl_resource_get_user_data(resource);
	struct wl_array device = {.data = &(dev_t){0}, .size = sizeof(dev_t)};
	wl_resource_set_implementation(feedback, &feedback_impl, server, feedback_gone);
	server->feedback = feedback;
	fake_send_table(server);
	zwp_linux_dmabuf_feedback_v1_send_main_device(feedback, &device);
	send_tranche(server, first, sizeof(first) - 1);
	send_tranche(server, second, sizeof(second));
	fake_send_done(server);
}

static const struct zwp_linux_dmabuf_v1_interface dmabuf_impl = {
	.destroy = destroy_resource,
	.create_params = handle_create_params,
	.get_default_feedback = handle_get_feedback,
};

static void send_modifier(struct wl_resource *resource, const struct pair *pair)
{
	zwp_linux_dmabuf_v1_send_modifier(
		resource, pair->format, (uint32_t)(pair->modifier >> 32), (uint32_t)pair->modifier);
}

static void bind_dmabuf(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &zwp_linux_dmabuf_v1_interface, (int)version, id);
	wl_resource_set_implementation(resource, &dmabuf_impl, data, NULL);
	/* with feedback, wlroots has only the implicit modifier for who binds this without */
	const bool whole = ((struct fake_server *)data)->dmabuf_version < 4;
	for (size_t i = whole ? 0 : 3; version < 4 && i < N_LISTED; i++)
		send_modifier(resource, &pairs[i]);
}

/* ---- linux-drm-syncobj --------------------------------------------------------------------- */

/* A timeline's user data is its number. */
static const struct wp_linux_drm_syncobj_timeline_v1_interface timeline_impl = {
	.destroy = destroy_resource,
};

static void log_point(struct wl_resource *resource, const char *what, struct wl_resource *timeline,
	uint32_t point_lo)
{
	uintptr_t number = (uintptr_t)wl_resource_get_user_data(timeline);
	fake_log(wl_resource_get_user_data(resource), "%s%u:%u", what, (unsigned)number, point_lo);
}

static void handle_set_acquire_point(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *timeline, uint32_t point_hi, uint32_t point_lo)
{
	log_point(resource, "acquire", timeline, point_lo);
}

static void handle_set_release_point(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *timeline, uint32_t point_hi, uint32_t point_lo)
{
	log_point(resource, "release", timeline, point_lo);
}

static const struct wp_linux_drm_syncobj_surface_v1_interface syncobj_surface_impl = {
	.destroy = destroy_resource,
	.set_acquire_point = handle_set_acquire_point,
	.set_release_point = handle_set_release_point,
};

static void handle_get_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface)
{
	struct wl_resource *explicit =
		wl_resource_create(client, &wp_linux_drm_syncobj_surface_v1_interface, 1, id);
	wl_resource_set_implementation(
		explicit, &syncobj_surface_impl, wl_resource_get_user_data(resource), NULL);
}

static void handle_import_timeline(
	struct wl_client *client, struct wl_resource *resource, uint32_t id, int32_t fd)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	struct wl_resource *timeline =
		wl_resource_create(client, &wp_linux_drm_syncobj_timeline_v1_interface, 1, id);
	ck_assert_uint_lt(server->n_timelines, 16);
	wl_resource_set_implementation(
		timeline, &timeline_impl, (void *)(uintptr_t)server->n_timelines, NULL);
	server->timelines[server->n_timelines++] = fd;
}

static const struct wp_linux_drm_syncobj_manager_v1_interface manager_impl = {
	.destroy = destroy_resource,
	.get_surface = handle_get_surface,
	.import_timeline = handle_import_timeline,
};

static void bind_syncobj(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &wp_linux_drm_syncobj_manager_v1_interface, (int)version, id);
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

void fake_create_surface_globals(struct fake_server *server)
{
	wl_global_create(server->display, &wl_compositor_interface, 4, server, bind_compositor);
	if (server->has_dmabuf)
		wl_global_create(server->display, &zwp_linux_dmabuf_v1_interface,
			server->dmabuf_version ? (int)server->dmabuf_version : 3, server,
			bind_dmabuf);
	if (server->has_shm)
		wl_display_init_shm(server->display);
	if (server->has_syncobj)
		wl_global_create(server->display, &wp_linux_drm_syncobj_manager_v1_interface, 1,
			server, bind_syncobj);
}
