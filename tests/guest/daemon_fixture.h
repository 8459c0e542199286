/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DAEMON_FIXTURE_H
#define TESTS_DAEMON_FIXTURE_H

#include <sys/types.h>
#include <wayland-client.h>

#include "harness.h"

struct doings;

/*
 * waybufd as a program, on vkms, and clients of it as others write them: plain libwayland, nothing
 * of ours. The program is the one that the environment variable WAYBUFD names.
 */

/* The limit of every wait in here. */
#define PATIENCE_MS 10000

struct daemon {
	pid_t pid;
	char folder[64]; /* XDG_RUNTIME_DIR */
	char errors[96]; /* path of what it wrote to stderr */
};

/*
 * Starts it with @options (up to a NULL, or NULL) and waits until it is ready. Skips without
 * vkms, unless the first option is --headless.
 */
void daemon_start(struct daemon *daemon, const char *const options[]);
/*
 * The same with a GPU, for which Mesa's renderer stands: what is displaced carries the fence of the
 * flip. Skips where this waybufd has none.
 */
void daemon_start_with_gpu(struct daemon *daemon);
/* Ends it with @signal, and gives its exit code. What a sanitizer had to say is a failure. */
int daemon_stop(struct daemon *daemon, int signal);
/* Runs waybufd with @options to its end: its exit code, and the first line of stderr in @text. */
int daemon_run(const char *const options[], const char *runtime_dir, char text[256]);
/* Whether what it has written to stderr so far holds @text. */
bool daemon_said(const struct daemon *daemon, const char *text);

struct client {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_subcompositor *subcompositor;
	struct wl_shm *shm;
	struct wl_output *output; /* NULL: the server has none, as tiny-server */
	struct wl_seat *seat; /* NULL: the server is built without */
	uint32_t capabilities; /* of the seat */
	struct wl_data_device_manager *data_devices; /* as the seat */
	struct xdg_wm_base *wm_base;
	struct wp_presentation *presentation;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	struct wp_linux_drm_syncobj_manager_v1 *syncobj; /* NULL where there are no timelines */
	struct ext_image_copy_capture_manager_v1 *captures;
	struct ext_output_image_capture_source_manager_v1 *sources;
	struct wp_security_context_manager_v1 *contexts; /* NULL: it is in a sandbox */
	bool monitor; /* the server has one, and shows it */
	int32_t width, height; /* of the output, 0 without */
};

void client_connect(struct client *client, const struct daemon *daemon);
/* By way of @socket, a connected one, which is taken. */
void client_connect_to(struct client *client, int socket);
void client_disconnect(struct client *client);
/* A global that not every client needs; NULL if it is not offered. The caller's to destroy. */
void *client_bind(struct client *client, const struct wl_interface *interface, uint32_t version);
/* Notes what the user does to it; before it shows something. Without a seat nothing is done. */
void client_listen(struct client *client, struct doings *doings);
/* A round trip. False if the connection is broken. */
bool client_sync(struct client *client);
/* Dispatches until *@flag is at least @count, @ms milliseconds at most. Whether it got there. */
bool client_wait(struct client *client, const int *flag, int count, int ms);

/* Adds one to *@count when it is answered. */
void callback_count(struct wl_callback *callback, int *count);

/* A wl_buffer and its pixels, which are mapped. */
struct picture {
	struct wl_buffer *buffer;
	uint8_t *pixels;
	uint32_t width, height, stride, format; /* DRM_FORMAT_* */
	size_t size;
	int fd; /* of the memory: a dma-buf or a memfd */
	int released; /* events */
};

/* Of wl_shm a file that may shrink, and one that cannot; each has a pool for itself. */
enum picture_memory { PICTURE_SHM, PICTURE_SEALED, PICTURE_DMABUF };

/* NV12, P010 and S010 for dma-bufs, and formats of four bytes. Skips without a dma-heap. */
void picture_init(struct client *client, struct picture *picture, enum picture_memory memory,
	uint32_t width, uint32_t height, uint32_t format);
void picture_finish(struct picture *picture);
/* Draws what shows shifts, swaps and wrong strides; each @seed another one. */
void picture_draw(struct picture *picture, uint32_t seed);
uint32_t picture_pixel(const struct picture *picture, uint32_t x, uint32_t y);

/* A toplevel. */
struct window {
	struct client *client;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	int configured;
	int32_t width, height;
	int frames; /* frame callbacks answered */
	int presented, discarded; /* feedbacks */
	int outputs; /* that they named */
	/* of the last presented */
	uint32_t flags, sequence;
	uint64_t presented_ns;
};

/* Waits for the first configure, and acknowledges it. */
void window_init(struct window *window, struct client *client);
void window_finish(struct window *window);
/* Asks for presentation feedback on the next commit. */
void window_ask(struct window *window);
/* Attaches and commits, with a frame callback and presentation feedback; does not wait. */
void window_commit(struct window *window, struct picture *picture);
/* The same, and waits until it is on the screen. */
void window_show(struct window *window, struct picture *picture);

/* What the output shows, as an XRGB8888 picture to be finished by the caller. */
void capture_output(struct client *client, struct picture *picture);

#endif
