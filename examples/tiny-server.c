/* SPDX-License-Identifier: MIT */

/*
 * The smallest compositor: one window, full screen, whose dma-bufs go to the display without a copy,
 * with explicit synchronisation. What has nothing to do with buffers is elsewhere: wl_surface and
 * xdg-shell in shell.c, finding a display and giving it back in screen.c.
 *
 *	tiny-server [DEVICE]		ends on SIGINT and SIGTERM, and gives the display back
 *
 * Read it from the end: main() has the order of things. A frame's way is surface_committed(), the
 * gate (handle_ready()), repaint(), handle_flip(). What begins with waybuf_ is what libwaybuf-server
 * does; docs/compositors.md says how to bring that into a compositor that exists.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <waybuf/scanout.h>
#include <wayland-server-core.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "screen.h"
#include "shell.h"

/* One wl_surface.commit, from the client to the screen. */
struct frame {
	struct shell_surface *surface;
	bool content; /* it brings a buffer, or takes the buffer away */
	struct waybuf_use *use; /* NULL: no buffer */
	struct wl_list callbacks; /* wl_callback */
	struct wl_list feedbacks; /* wp_presentation_feedback */
};

static struct {
	struct wl_display *display;
	struct wl_event_source *source; /* flips */
	struct shell shell; /* with the window */
	struct frame *ready, *pending, *shown; /* for the screen, on its way, on it */
	struct screen screen;

	struct waybuf_server *waybuf;
	struct waybuf_server_dmabuf *dmabuf;
	struct waybuf_scanout *scanout;
	struct waybuf_gate *gate;
} server = {.screen.fd = -1};

/* ---- frames -------------------------------------------------------------------------------- */

/* Nobody reads its buffer any more: the client gets it back. */
static void frame_destroy(void *data)
{
	struct frame *frame = data;
	if (!frame)
		return;
	waybuf_use_end(frame->use, NULL);
	shell_drop_callbacks(&frame->callbacks);
	shell_send_discarded(&frame->feedbacks);
	free(frame);
}

static void frame_drop_content(struct frame *frame)
{
	waybuf_use_end(frame->use, NULL);
	frame->use = NULL;
	frame->content = false;
	shell_send_discarded(&frame->feedbacks);
}

/* Of two frames that were not shown yet, what of the older one is still wanted. */
static void frame_fold(void *older_data, void *newer_data)
{
	struct frame *older = older_data, *newer = newer_data;
	if (!newer->content) {
		newer->use = older->use;
		newer->content = older->content;
		older->use = NULL;
		wl_list_insert_list(&newer->feedbacks, &older->feedbacks);
		wl_list_init(&older->feedbacks);
	}
	wl_list_insert_list(&newer->callbacks, &older->callbacks);
	wl_list_init(&older->callbacks);
	frame_destroy(older);
}

/* ---- the screen ---------------------------------------------------------------------------- */

/* Instead of a window. */
static void show_black(void)
{
	screen_show_black(&server.screen);
	frame_destroy(server.shown);
	server.shown = NULL;
}

static int flip_to(struct waybuf_use *use, int *out_fence)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	if (!request)
		return -ENOMEM;
	int ret = waybuf_scanout_add(server.scanout, use, request, out_fence);
	if (ret == 0)
		ret = drmModeAtomicCommit(server.screen.fd, request,
			DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT, NULL);
	drmModeAtomicFree(request);
	return ret;
}

/*
 * The commit was accepted, so it is certain when the former frame ends, and there is a fence for
 * that: the client can queue its next frame on it now, before the flip.
 */
static void displace(const struct frame *next, int out_fence)
{
	struct waybuf_fence *fence = NULL;
	if (waybuf_fence_from_sync_file(out_fence, &fence) == 0 && server.shown && next->content)
		waybuf_use_done(server.shown->use, fence);
	waybuf_fence_unref(fence);
}

/*
 * The library tells the client what the plane takes, if that would help. This compositor has told
 * everybody already, as it shows nothing otherwise; one that composes tells those alone who could be
 * on a plane, and says WAYBUF_PLANE_CANNOT of the others.
 */
static void tell_client(const struct frame *frame, bool shown)
{
	waybuf_server_dmabuf_set_plane_result(server.dmabuf, frame->surface->resource,
		shown ? WAYBUF_PLANE_SHOWN : WAYBUF_PLANE_COULD,
		waybuf_scanout_feedback(server.scanout)->tranches);
}

/* Shows the newest frame, unless a flip is pending: the kernel takes one at a time. */
static void repaint(void)
{
	struct frame *frame = server.ready;
	int out_fence;
	if (!frame || server.pending)
		return;
	/* the window has no buffer any more */
	if (frame->content && !frame->use) {
		show_black();
		frame->content = false;
	}
	/* what brings no buffer, but frame callbacks, flips to the frame that is there */
	const struct frame *from = frame->content ? frame : server.shown;
	int ret = from ? flip_to(from->use, &out_fence) : -ENODATA;
	if (frame->content)
		tell_client(frame, ret == 0);
	if (ret == 0) {
		displace(frame, out_fence);
		server.pending = frame;
		server.ready = NULL;
	} else if (frame->content) {
		fprintf(stderr, "tiny-server: a frame cannot be shown: %s\n", strerror(-ret));
		frame_drop_content(frame);
		repaint();
	}
}

static void handle_flip(int fd, unsigned sequence, unsigned seconds, unsigned microseconds,
	unsigned crtc_id, void *data)
{
	struct frame *frame = server.pending;
	server.pending = NULL;
	const struct shell_flip flip = {seconds, microseconds * 1000, sequence};
	shell_send_callbacks(&frame->callbacks, &flip);
	shell_send_presented(&frame->feedbacks, &flip);
	/* only now wl_buffer.release: there are clients that take it for the end of all reading */
	struct frame *over = frame->content ? server.shown : frame;
	if (frame->content)
		server.shown = frame;
	frame_destroy(over);
	if (!server.shell.window)
		show_black();
	repaint();
}

static int handle_drm(int fd, uint32_t mask, void *data)
{
	drmEventContext context = {.version = 3, .page_flip_handler2 = handle_flip};
	drmHandleEvent(fd, &context);
	return 0;
}

/* ---- the gate: a commit waits until its buffer may be read ---------------------------------- */

static void handle_ready(void *data)
{
	struct frame *frame = data;
	if (frame->surface != server.shell.window) {
		frame_destroy(frame);
		return;
	}
	if (server.ready)
		frame_fold(server.ready, frame);
	server.ready = frame;
	repaint();
}

/* The client's GPU hangs, or has failed. The window keeps its last frame, and nobody else cares. */
static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	frame_drop_content(data);
}

static const struct waybuf_gate_ops gate_ops = {
	.ready = handle_ready,
	.fold = frame_fold,
	.discard = handle_discard,
	.cancel = frame_destroy,
};

/* ---- surfaces ------------------------------------------------------------------------------ */

static bool surface_created(struct shell_surface *surface)
{
	struct waybuf_gate_queue *queue;
	if (waybuf_gate_queue_create(server.gate, &queue) < 0)
		return false;
	surface->data = queue;
	return true;
}

static void surface_destroyed(struct shell_surface *surface)
{
	waybuf_gate_queue_destroy(surface->data);
}

static void surface_committed(struct shell_surface *surface)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	if (!frame) {
		wl_resource_post_no_memory(surface->resource);
		return;
	}
	frame->surface = surface;
	frame->content = surface->attached;
	wl_list_init(&frame->callbacks);
	wl_list_insert_list(&frame->callbacks, &surface->callbacks);
	wl_list_init(&surface->callbacks);
	wl_list_init(&frame->feedbacks);
	wl_list_insert_list(&frame->feedbacks, &surface->feedbacks);
	wl_list_init(&surface->feedbacks);
	const struct waybuf_use_commit_info info = {
		.surface = surface->resource,
		.attached = surface->attached,
		.buffer = surface->buffer,
		.gate = server.gate,
		.queue = surface->data,
		.commit = frame,
	};
	int ret = waybuf_use_commit(&info, &frame->use);
	if (ret == 1)
		handle_ready(frame);
	else if (ret < 0)
		frame_destroy(frame);
}

static void window_closed(void)
{
	frame_destroy(server.ready);
	server.ready = NULL;
	/* else handle_flip() does it */
	if (!server.pending)
		show_black();
}

static const struct shell_ops shell_ops = {
	.created = surface_created,
	.destroyed = surface_destroyed,
	.committed = surface_committed,
	.closed = window_closed,
};

/* ---- start and end ------------------------------------------------------------------------- */

static int start_waybuf(void)
{
	const struct waybuf_server_options options = {.drm_fd = server.screen.fd};
	const struct waybuf_scanout_options scanout = {server.screen.fd, server.screen.crtc_id, 0};
	int ret = waybuf_server_create(server.display, &options, &server.waybuf);
	/* clients can take memory away that is being copied */
	if (ret == 0)
		ret = waybuf_manager_catch_sigbus(waybuf_server_manager(server.waybuf));
	if (ret == 0)
		ret = waybuf_scanout_create(&scanout, &server.scanout);
	if (ret == 0)
		ret = waybuf_server_gate_create(server.waybuf, &gate_ops, &server.gate);
	return ret;
}

/* Globals that end with the server. */
static int offer_buffers(void)
{
	const struct waybuf_server_dmabuf_options dmabuf = {
		.feedback = waybuf_scanout_feedback(server.scanout),
		.data = server.scanout,
		.import_test = waybuf_scanout_import_test,
	};
	const struct waybuf_server_allocator_options allocator = {
		.integrated = true,
		.data = server.scanout,
		.display = waybuf_scanout_device_ops(),
	};
	const struct waybuf_server_syncobj_options syncobj = {.drm_fd = server.screen.fd};
	int ret = waybuf_server_dmabuf_create(server.waybuf, &dmabuf, &server.dmabuf);
	if (ret == 0)
		ret = waybuf_server_allocator_create(server.waybuf, &allocator, NULL);
	if (ret == 0)
		ret = waybuf_server_syncobj_create(server.waybuf, &syncobj, NULL);
	/* a driver without timelines: clients synchronise implicitly, and the gate waits for that */
	return ret == -EOPNOTSUPP ? 0 : ret;
}

static void handle_signal(int number)
{
	wl_display_terminate(server.display);
}

/* 0 or a negative errno. */
static int start(const char *path)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(server.display);
	int ret = screen_open(&server.screen, path);
	if (ret == 0)
		ret = start_waybuf();
	if (ret == 0)
		ret = offer_buffers();
	if (ret < 0)
		return ret;
	server.source =
		wl_event_loop_add_fd(loop, server.screen.fd, WL_EVENT_READABLE, handle_drm, NULL);
	bool ok = server.source &&
		shell_init(&server.shell, server.display, &shell_ops, server.screen.mode.hdisplay,
			server.screen.mode.vdisplay);
	signal(SIGINT, handle_signal);
	signal(SIGTERM, handle_signal);
	return ok ? 0 : -ENOMEM;
}

/* The display first: nobody may get a buffer back that is still shown. */
static void finish(void)
{
	screen_restore(&server.screen);
	frame_destroy(server.shown);
	frame_destroy(server.pending);
	server.shown = server.pending = NULL;
	wl_display_destroy_clients(server.display);
	waybuf_gate_destroy(server.gate);
	waybuf_scanout_destroy(server.scanout);
	waybuf_server_destroy(server.waybuf);
	if (server.source)
		wl_event_source_remove(server.source);
	screen_close(&server.screen);
	wl_display_destroy(server.display);
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "tiny-server: %s: %s\n", what, strerror(-error));
	return 1;
}

int main(int argc, char **argv)
{
	server.display = wl_display_create();
	if (!server.display)
		return fail("no Wayland display", -ENOMEM);
	int status = 0;
	const char *socket = wl_display_add_socket_auto(server.display);
	int ret = socket ? start(argv[1]) : 0;
	if (!socket) {
		status = fail("no socket in XDG_RUNTIME_DIR", -errno);
	} else if (ret == -ENODEV) {
		status = fail("no display that is connected, and free", ret);
	} else if (ret < 0) {
		status = fail("the display cannot be used", ret);
	} else {
		printf("%s\n", socket);
		fflush(stdout);
		wl_display_run(server.display);
	}
	finish();
	return status;
}
