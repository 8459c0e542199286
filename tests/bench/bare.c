/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "bare.h"
#include "bench.h"

#define MAX_FRAMES 1024
#define MAX_OVERLAYS 8

struct bare {
	int fd;
	uint32_t connector, crtc, plane, fb_property;
	drmModeModeInfo mode;
	struct framebuffer {
		uint32_t handle, id;
	} fbs[2];
	struct overlay {
		uint32_t plane;
		struct framebuffer fbs[2];
	} overlays[MAX_OVERLAYS];
	unsigned n_overlays;
	bool flipped;
	double commit_us; /* of the last one */
};

/* Shows the @i th frame, and waits until it is on the screen. */
typedef void (*show_func)(struct bare *bare, unsigned i);

static void check(const char *what, int ret)
{
	if (ret < 0)
		bench_fail("%s: %s", what, strerror(-ret));
}

/* The preferred mode, as waybufd takes it. */
static drmModeModeInfo pick_mode(const drmModeConnector *connector)
{
	for (int i = 0; i < connector->count_modes; i++)
		if (connector->modes[i].type & DRM_MODE_TYPE_PREFERRED)
			return connector->modes[i];
	return connector->modes[0];
}

static bool pick_output(struct bare *bare)
{
	drmModeRes *resources = drmModeGetResources(bare->fd);
	for (int i = 0; resources && i < resources->count_connectors && !bare->connector; i++) {
		drmModeConnector *connector =
			drmModeGetConnector(bare->fd, resources->connectors[i]);
		if (connector && connector->connection == DRM_MODE_CONNECTED &&
			connector->count_modes > 0 && resources->count_crtcs > 0) {
			bare->connector = connector->connector_id;
			bare->crtc = resources->crtcs[0];
			bare->mode = pick_mode(connector);
		}
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(resources);
	return bare->connector;
}

static void open_display(struct bare *bare)
{
	for (int i = 0; i < 16; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		bare->fd = open(path, O_RDWR | O_CLOEXEC);
		if (bare->fd < 0)
			continue;
		if (pick_output(bare) && drmSetClientCap(bare->fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0)
			return;
		close(bare->fd);
	}
	bench_fail("there is no display in /dev/dri that nobody else has");
}

static void create_fb(struct bare *bare, struct framebuffer *fb, uint32_t width, uint32_t height)
{
	uint32_t pitch, handles[4] = {0}, pitches[4] = {0}, offsets[4] = {0};
	uint64_t size;
	check("a dumb buffer",
		drmModeCreateDumbBuffer(
			bare->fd, width, height, 32, 0, &fb->handle, &pitch, &size));
	handles[0] = fb->handle;
	pitches[0] = pitch;
	check("a framebuffer",
		drmModeAddFB2(bare->fd, width, height, DRM_FORMAT_XRGB8888, handles, pitches,
			offsets, &fb->id, 0));
}

/* 0: the plane has none of that name. */
static uint32_t property_of(struct bare *bare, uint32_t plane, const char *name, uint64_t *value)
{
	uint32_t id = 0;
	drmModeObjectProperties *properties =
		drmModeObjectGetProperties(bare->fd, plane, DRM_MODE_OBJECT_PLANE);
	for (uint32_t i = 0; properties && i < properties->count_props; i++) {
		drmModePropertyRes *property = drmModeGetProperty(bare->fd, properties->props[i]);
		if (property && strcmp(property->name, name) == 0) {
			id = property->prop_id;
			*value = properties->prop_values[i];
		}
		drmModeFreeProperty(property);
	}
	drmModeFreeObjectProperties(properties);
	return id;
}

/* The one that the mode set has put on the CRTC. */
static void find_plane(struct bare *bare)
{
	uint64_t value;
	drmModePlaneRes *planes = drmModeGetPlaneResources(bare->fd);
	for (uint32_t i = 0; planes && i < planes->count_planes; i++) {
		drmModePlane *plane = drmModeGetPlane(bare->fd, planes->planes[i]);
		if (plane && plane->crtc_id == bare->crtc)
			bare->plane = plane->plane_id;
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(planes);
	bare->fb_property = property_of(bare, bare->plane, "FB_ID", &value);
	if (!bare->fb_property)
		bench_fail("no plane shows anything");
}

/* As many as there are, @n at most. */
static void find_overlays(struct bare *bare, unsigned n)
{
	uint64_t type;
	drmModePlaneRes *planes = drmModeGetPlaneResources(bare->fd);
	for (uint32_t i = 0; planes && i < planes->count_planes && bare->n_overlays < n; i++)
		if (property_of(bare, planes->planes[i], "type", &type) &&
			type == DRM_PLANE_TYPE_OVERLAY)
			bare->overlays[bare->n_overlays++].plane = planes->planes[i];
	drmModeFreePlaneResources(planes);
}

static void handle_flip(int fd, unsigned sequence, unsigned seconds, unsigned useconds, void *data)
{
	struct bare *bare = data;
	bare->flipped = true;
}

static void flip(struct bare *bare, drmModeAtomicReq *request)
{
	drmEventContext events = {.version = 2, .page_flip_handler = handle_flip};
	double start = bench_now_us();
	check("an atomic commit",
		drmModeAtomicCommit(bare->fd, request,
			DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK, bare));
	bare->commit_us = bench_now_us() - start;
	drmModeAtomicFree(request);
	bare->flipped = false;
	while (!bare->flipped) {
		struct pollfd poll_fd = {.fd = bare->fd, .events = POLLIN};
		if (poll(&poll_fd, 1, 1000) != 1)
			bench_fail("a flip did not come");
		check("an event", drmHandleEvent(bare->fd, &events));
	}
}

static void show(struct bare *bare, unsigned i)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	drmModeAtomicAddProperty(request, bare->plane, bare->fb_property, bare->fbs[i % 2].id);
	flip(bare, request);
}

static void show_overlays(struct bare *bare, unsigned i)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	for (unsigned j = 0; j < bare->n_overlays; j++)
		drmModeAtomicAddProperty(request, bare->overlays[j].plane, bare->fb_property,
			bare->overlays[j].fbs[i % 2].id);
	flip(bare, request);
}

static double cpu_us(void)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

/* @periods are sorted. */
static unsigned count_missed(const double *periods, unsigned n)
{
	double missed = 0;
	for (unsigned i = 0; i < n; i++)
		missed += fmax(round(periods[i] / periods[n / 2]) - 1, 0);
	return (unsigned)missed;
}

static struct bench_bare measure(struct bare *bare, unsigned frames, show_func show_frame)
{
	double periods[MAX_FRAMES], commits[MAX_FRAMES];
	if (frames < 1 || frames > MAX_FRAMES)
		bench_fail("%u frames", frames);
	show_frame(bare, 1);
	double cpu = cpu_us(), last = bench_now_us();
	for (unsigned i = 0; i < frames; i++) {
		show_frame(bare, i);
		double now = bench_now_us();
		periods[i] = now - last;
		commits[i] = bare->commit_us;
		last = now;
	}
	double period = bench_quantile(periods, frames, 0.5);
	return (struct bench_bare){
		.cpu_us = (cpu_us() - cpu) / frames,
		.period_us = period,
		.missed = count_missed(periods, frames),
		.commit_us = bench_quantile(commits, frames, 0.5),
	};
}

static void take_display(struct bare *bare)
{
	open_display(bare);
	for (int i = 0; i < 2; i++)
		create_fb(bare, &bare->fbs[i], bare->mode.hdisplay, bare->mode.vdisplay);
	check("a mode",
		drmModeSetCrtc(bare->fd, bare->crtc, bare->fbs[0].id, 0, 0, &bare->connector, 1,
			&bare->mode));
	find_plane(bare);
}

struct bench_bare bench_bare_run(unsigned frames)
{
	struct bare bare = {0};
	take_display(&bare);
	struct bench_bare result = measure(&bare, frames, show);
	/* takes framebuffers, dumb buffers and mastership along */
	close(bare.fd);
	return result;
}

static void place_overlay(
	struct bare *bare, drmModeAtomicReq *request, unsigned i, uint32_t width, uint32_t height)
{
	const struct overlay *overlay = &bare->overlays[i];
	const struct {
		const char *name;
		uint64_t value;
	} properties[] = {
		{"FB_ID", overlay->fbs[0].id},
		{"CRTC_ID", bare->crtc},
		{"SRC_X", 0},
		{"SRC_Y", 0},
		{"SRC_W", (uint64_t)width << 16},
		{"SRC_H", (uint64_t)height << 16},
		{"CRTC_X", i % 4 * width},
		{"CRTC_Y", i / 4 * height},
		{"CRTC_W", width},
		{"CRTC_H", height},
	};
	uint64_t value;
	for (size_t j = 0; j < sizeof(properties) / sizeof(properties[0]); j++)
		drmModeAtomicAddProperty(request, overlay->plane,
			property_of(bare, overlay->plane, properties[j].name, &value),
			properties[j].value);
}

struct bench_bare bench_bare_run_overlays(
	unsigned frames, unsigned n, uint32_t width, uint32_t height)
{
	struct bare bare = {0};
	take_display(&bare);
	find_overlays(&bare, n < MAX_OVERLAYS ? n : MAX_OVERLAYS);
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	for (unsigned i = 0; i < bare.n_overlays; i++) {
		create_fb(&bare, &bare.overlays[i].fbs[0], width, height);
		create_fb(&bare, &bare.overlays[i].fbs[1], width, height);
		place_overlay(&bare, request, i, width, height);
	}
	flip(&bare, request);
	struct bench_bare result = measure(&bare, frames, show_overlays);
	result.overlays = bare.n_overlays;
	close(bare.fd);
	return result;
}

/* ---- as an answer to an event -------------------------------------------------------------- */

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	check("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0);
}

static void commit(struct bare *bare, const struct framebuffer *fb, struct bench_stamp *stamp)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	drmModeAtomicAddProperty(request, bare->plane, bare->fb_property, fb->id);
	atomic_store(&stamp->ns, (uint64_t)(bench_now_us() * 1000));
	check("an atomic commit",
		drmModeAtomicCommit(bare->fd, request,
			DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK, bare));
	atomic_fetch_add(&stamp->commits, 1);
	drmModeAtomicFree(request);
}

_Noreturn void bench_bare_answer(int event_fd, struct bench_stamp *stamp)
{
	struct bare bare = {0};
	drmEventContext events = {.version = 2, .page_flip_handler = handle_flip};
	struct epoll_event event;
	uint64_t value;
	take_display(&bare);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(epoll, event_fd);
	watch(epoll, bare.fd);
	atomic_fetch_add(&stamp->flips, 1);
	for (unsigned i = 1;; i++) {
		while (epoll_wait(epoll, &event, 1, -1) != 1)
			;
		if (event.data.fd == bare.fd) {
			check("an event", drmHandleEvent(bare.fd, &events));
			atomic_fetch_add(&stamp->flips, 1);
		} else if (read(event_fd, &value, sizeof(value)) == sizeof(value)) {
			commit(&bare, &bare.fbs[i / 2 % 2], stamp);
		}
	}
}
