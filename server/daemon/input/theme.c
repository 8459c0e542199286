/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <wayland-client.h>
#include <wayland-cursor.h>

#include "../daemon.h"
#include "../surface.h"
#include "cursor.h"
#include "seat.h"
#include "theme.h"
#include "util/fd.h"
#include "util/log.h"

enum { DEFAULT_SIZE = 24, LARGEST_SIZE = 256 };

/* All cursors, as large as displays of one scale need them. */
struct set {
	struct theme *theme;
	uint32_t scale; /* in parts of GEOMETRY_SCALE_ONE */
	struct waybuf_job job; /* loads them */
	struct wl_cursor_theme *loaded; /* the worker's */
	struct wl_cursor_theme *cursors; /* NULL: not loaded yet, or never */
	struct wl_list link; // theme.sets
};

/* One image of a cursor that was shown once. */
struct image {
	struct theme *theme;
	const struct wl_cursor_image *source;
	uint32_t scale; /* its set's */
	struct wl_surface *surface;
	struct wl_callback *synced; /* NULL: the daemon has the surface, with its content */
	struct wl_list link; // theme.images
};

struct theme {
	struct seat *seat;
	struct wl_client *client; /* as the daemon sees it; NULL: it has been disconnected */
	struct wl_listener client_destroyed;
	struct wl_event_source *readable, *timer;
	/* its own: files are read that may be slow, and the daemon's composes pictures meanwhile */
	struct waybuf_worker *worker;
	struct wl_display *display; /* as the client sees the daemon */
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct wl_list sets; // set.link
	uint32_t scale; /* of the display that the pointer is on */
	struct wl_list images; // image.link
	const char *const *names; /* to be shown; NULL: nothing */
	struct wl_cursor *cursor; /* that it is; NULL: not found yet */
	unsigned frame; /* of it */
};

/* ---- images -------------------------------------------------------------------------------- */

static const struct wl_cursor_image *current(const struct theme *theme)
{
	return theme->cursor ? theme->cursor->images[theme->frame] : NULL;
}

static struct surface *find_surface(const struct theme *theme, struct wl_proxy *proxy)
{
	struct wl_resource *resource =
		theme->client ? wl_client_get_object(theme->client, wl_proxy_get_id(proxy)) : NULL;
	return resource ? surface_from_resource(resource) : NULL;
}

/* It may have been replaced by another one while it was on its way. */
static void show_if_current(struct image *image)
{
	struct theme *theme = image->theme;
	const struct wl_cursor_image *source = image->source;
	if (source != current(theme))
		return;
	struct surface *surface = find_surface(theme, (struct wl_proxy *)image->surface);
	if (surface && cursor_give_role(surface))
		cursor_show(theme->seat, surface, image->scale, (int32_t)source->hotspot_x,
			(int32_t)source->hotspot_y);
	if (theme->cursor->image_count > 1)
		wl_event_source_timer_update(theme->timer, (int)source->delay);
}

static void handle_synced(void *data, struct wl_callback *callback, uint32_t serial)
{
	struct image *image = data;
	wl_callback_destroy(callback);
	image->synced = NULL;
	show_if_current(image);
}

static const struct wl_callback_listener sync_listener = {.done = handle_synced};

static struct image *find(const struct theme *theme, const struct wl_cursor_image *source)
{
	struct image *image;
	wl_list_for_each(image, &theme->images, link)
		if (image->source == source)
			return image;
	return NULL;
}

static void make(struct theme *theme, struct wl_cursor_image *source)
{
	struct wl_buffer *buffer = wl_cursor_image_get_buffer(source);
	struct image *image = buffer ? calloc(1, sizeof(*image)) : NULL;
	if (!image)
		return;
	image->theme = theme;
	image->source = source;
	image->scale = theme->scale;
	image->surface = wl_compositor_create_surface(theme->compositor);
	wl_surface_attach(image->surface, buffer, 0, 0);
	wl_surface_commit(image->surface);
	image->synced = wl_display_sync(theme->display);
	wl_callback_add_listener(image->synced, &sync_listener, image);
	wl_list_insert(&theme->images, &image->link);
}

static void show_frame(struct theme *theme)
{
	struct image *image = find(theme, current(theme));
	if (!image)
		make(theme, theme->cursor->images[theme->frame]);
	else if (!image->synced)
		show_if_current(image);
	wl_display_flush(theme->display);
}

/* ---- loading ------------------------------------------------------------------------------- */

static void look_up(struct theme *theme);

static int size_asked(void)
{
	const char *text = getenv("XCURSOR_SIZE");
	long size = text ? strtol(text, NULL, 10) : 0;
	return size > 0 && size <= LARGEST_SIZE ? (int)size : DEFAULT_SIZE;
}

/* On the worker: libwayland's objects are for any thread. */
static void load(struct waybuf_job *job)
{
	struct set *set = wl_container_of(job, set, job);
	const int64_t size = geometry_scale(set->scale, size_asked());
	set->loaded = wl_cursor_theme_load(getenv("XCURSOR_THEME"), (int)size, set->theme->shm);
}

static void handle_loaded(struct waybuf_job *job)
{
	struct set *set = wl_container_of(job, set, job);
	set->cursors = set->loaded;
	if (!set->cursors)
		waybuf_error("there are no cursors of a theme: no memory");
	else if (set->scale == set->theme->scale)
		look_up(set->theme);
	wl_display_flush(set->theme->display);
}

static struct set *find_set(const struct theme *theme)
{
	struct set *set;
	wl_list_for_each(set, &theme->sets, link)
		if (set->scale == theme->scale)
			return set;
	return NULL;
}

/* For the scale that is needed now; sets stay, as there are no more scales than displays. */
static void load_set(struct theme *theme)
{
	struct set *set = theme->compositor && theme->shm ? calloc(1, sizeof(*set)) : NULL;
	if (!set)
		return;
	*set = (struct set){.theme = theme, .scale = theme->scale};
	set->job = (struct waybuf_job){.run = load, .done = handle_loaded};
	wl_list_insert(&theme->sets, &set->link);
	if (waybuf_worker_submit(theme->worker, &set->job) < 0)
		waybuf_error("there are no cursors of a theme: no worker");
}

/* ---- which of them ------------------------------------------------------------------------- */

/* Until they are loaded what was shown before is. */
static void look_up(struct theme *theme)
{
	const struct set *set = theme->names ? find_set(theme) : NULL;
	theme->frame = 0;
	theme->cursor = NULL;
	if (theme->names && !set)
		load_set(theme);
	if (!set || !set->cursors)
		return;
	for (const char *const *name = theme->names; *name && !theme->cursor; name++)
		theme->cursor = wl_cursor_theme_get_cursor(set->cursors, *name);
	if (!theme->cursor)
		theme->cursor = wl_cursor_theme_get_cursor(set->cursors, "default");
	if (!theme->cursor)
		theme->cursor = wl_cursor_theme_get_cursor(set->cursors, "left_ptr");
	if (theme->cursor)
		show_frame(theme);
}

void theme_show(struct theme *theme, const char *const *names)
{
	if (!theme || (names && names == theme->names && theme->cursor))
		return;
	wl_event_source_timer_update(theme->timer, 0);
	theme->names = names;
	look_up(theme);
}

void theme_rescale(struct theme *theme, uint32_t scale)
{
	if (!theme || theme->scale == scale)
		return;
	wl_event_source_timer_update(theme->timer, 0);
	theme->scale = scale;
	look_up(theme);
}

static int handle_timer(void *data)
{
	struct theme *theme = data;
	if (theme->cursor) {
		theme->frame = (theme->frame + 1) % theme->cursor->image_count;
		show_frame(theme);
	}
	return 0;
}

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct theme *theme = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0)
		theme->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	else if (strcmp(interface, wl_shm_interface.name) == 0)
		theme->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	else
		return;
	look_up(theme);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

/* ---- the connection ------------------------------------------------------------------------ */

static int handle_readable(int fd, uint32_t mask, void *data)
{
	struct theme *theme = data;
	int ret = 0;
	if (wl_display_prepare_read(theme->display) == 0)
		ret = wl_display_read_events(theme->display);
	if (ret == 0 && wl_display_dispatch_pending(theme->display) >= 0 &&
		wl_display_flush(theme->display) >= 0)
		return 0;
	/* no cursors are worth an end of the daemon */
	wl_event_source_remove(theme->readable);
	theme->readable = NULL;
	return 0;
}

static void handle_client_destroyed(struct wl_listener *listener, void *data)
{
	struct theme *theme = wl_container_of(listener, theme, client_destroyed);
	theme->client = NULL;
}

/* 0, or a negative errno. */
static int connect_to_self(struct theme *theme)
{
	struct wl_display *server = theme->seat->daemon->display;
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	theme->client = wl_client_create(server, fds[0]);
	if (!theme->client) {
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		return -ENOMEM;
	}
	theme->client_destroyed.notify = handle_client_destroyed;
	wl_client_add_destroy_listener(theme->client, &theme->client_destroyed);
	/* takes the fd, also when it fails */
	theme->display = wl_display_connect_to_fd(fds[1]);
	if (!theme->display)
		return -ENOMEM;
	struct wl_event_loop *loop = wl_display_get_event_loop(server);
	theme->readable = wl_event_loop_add_fd(
		loop, wl_display_get_fd(theme->display), WL_EVENT_READABLE, handle_readable, theme);
	theme->timer = wl_event_loop_add_timer(loop, handle_timer, theme);
	if (!theme->readable || !theme->timer)
		return -ENOMEM;
	return waybuf_worker_create(theme->seat->daemon->loop, &theme->worker);
}

struct theme *theme_create(struct seat *seat, uint32_t scale)
{
	struct theme *theme = calloc(1, sizeof(*theme));
	if (!theme)
		return NULL;
	theme->seat = seat;
	theme->scale = scale;
	wl_list_init(&theme->sets);
	wl_list_init(&theme->images);
	int ret = connect_to_self(theme);
	if (ret < 0) {
		waybuf_error("there are no cursors of a theme: %s", strerror(-ret));
		theme_destroy(theme);
		return NULL;
	}
	theme->registry = wl_display_get_registry(theme->display);
	wl_registry_add_listener(theme->registry, &registry_listener, theme);
	wl_display_flush(theme->display);
	return theme;
}

/* All proxies but those of libwayland-cursor. */
static void destroy_objects(struct theme *theme)
{
	struct image *image, *tmp;
	wl_list_for_each_safe(image, tmp, &theme->images, link) {
		if (image->synced)
			wl_callback_destroy(image->synced);
		wl_surface_destroy(image->surface);
		free(image);
	}
	if (theme->compositor)
		wl_compositor_destroy(theme->compositor);
	if (theme->shm)
		wl_shm_destroy(theme->shm);
	if (theme->registry)
		wl_registry_destroy(theme->registry);
}

static void destroy_sets(struct theme *theme)
{
	struct set *set, *tmp;
	wl_list_for_each_safe(set, tmp, &theme->sets, link) {
		if (set->cursors)
			wl_cursor_theme_destroy(set->cursors);
		free(set);
	}
}

void theme_destroy(struct theme *theme)
{
	if (!theme)
		return;
	theme->names = NULL;
	waybuf_worker_destroy(theme->worker);
	if (theme->client)
		wl_client_destroy(theme->client);
	if (theme->readable)
		wl_event_source_remove(theme->readable);
	if (theme->timer)
		wl_event_source_remove(theme->timer);
	destroy_sets(theme);
	destroy_objects(theme);
	if (theme->display)
		wl_display_disconnect(theme->display);
	free(theme);
}
