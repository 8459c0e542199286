/* SPDX-License-Identifier: MIT */
#include "fake/machine.h"

#include <check.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <wayland-server-core.h>

#include "core/bounded_sync.h"
#include "fake/libdrm.h"
#include "fake/screen.h"
#include "frame.h"
#include "kms/device.h"
#include "kms/dumb.h"
#include "kms/open.h"
#include "kms/uevent.h"
#include "render.h"
#include "shm_wrap.h"
#include "util/fd.h"

/* ---- the device ------------------------------------------------------------------------------ */

int waybuf_kms_device_open_by(const struct waybuf_kms_opener *opener, const char *path,
	enum waybuf_kms_mode mode, struct waybuf_kms_device **out, struct waybuf_kms_why *why)
{
	int fd = fake_drm_open();
	fake_drm_set_mode(FAKE_MACHINE_WIDTH, FAKE_MACHINE_HEIGHT);
	fake_screen_init();
	return waybuf_kms_device_create(fd, "fake", mode, out, why);
}

static struct {
	waybuf_kms_uevent_func_t func; /* NULL: nobody listens */
	void *data;
} listener;

int waybuf_kms_uevents_create(struct waybuf_loop *loop, dev_t rdev, waybuf_kms_uevent_func_t func,
	void *data, struct waybuf_kms_uevents **out)
{
	listener.func = func;
	listener.data = data;
	*out = NULL;
	return 0;
}

void waybuf_kms_uevents_destroy(struct waybuf_kms_uevents *uevents)
{
	listener.func = NULL;
}

void fake_machine_uevent(bool gone)
{
	if (listener.func)
		listener.func(listener.data,
			gone ? WAYBUF_KMS_UEVENT_REMOVED : WAYBUF_KMS_UEVENT_HOTPLUG);
}

/* ---- its images ------------------------------------------------------------------------------ */

static int make_image(struct waybuf_kms_device *device, struct waybuf_kms_dumb *dumb)
{
	struct waybuf_memory *memory = &dumb->layout.memory[0];
	memory->fd = memfd_create("dumb", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, (off_t)dumb->size) < 0)
		return -errno;
	dumb->pixels = mmap(NULL, dumb->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	ck_assert_ptr_ne(dumb->pixels, MAP_FAILED);
	return waybuf_kms_fb_create(device, &dumb->layout, &dumb->fb, NULL, NULL);
}

int waybuf_kms_dumb_create(struct waybuf_kms_device *device, uint32_t width, uint32_t height,
	uint32_t format, struct waybuf_kms_dumb **out, struct waybuf_kms_why *why)
{
	struct waybuf_kms_dumb *dumb = calloc(1, sizeof(*dumb));
	ck_assert_ptr_nonnull(dumb);
	dumb->size = (uint64_t)width * height * 4;
	dumb->layout = (struct waybuf_layout){
		.generation = 1,
		.width = width,
		.height = height,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.stride = width * 4, .rows = height}},
		.memory = {{.fd = -1, .kind = WAYBUF_MEMORY_DMABUF, .size = dumb->size}},
		.exporter = "dumb",
	};
	int ret = make_image(device, dumb);
	if (ret < 0)
		waybuf_kms_dumb_destroy(dumb);
	else
		*out = dumb;
	return ret;
}

void waybuf_kms_dumb_destroy(struct waybuf_kms_dumb *dumb)
{
	if (!dumb)
		return;
	waybuf_kms_fb_unref(dumb->fb);
	if (dumb->pixels)
		munmap(dumb->pixels, dumb->size);
	fd_close(&dumb->layout.memory[0].fd);
	free(dumb);
}

/* ---- the CPU --------------------------------------------------------------------------------- */

int bounded_sync(int fd, uint64_t flags, uint64_t owner, int timeout_ms)
{
	return 0;
}

static int sync_error, flushes;

int unbounded_sync(int fd, uint64_t flags)
{
	/* who reads first throws away what is in the caches */
	ck_assert(!(flags & DMA_BUF_SYNC_READ));
	flushes += sync_error == 0 && (flags & DMA_BUF_SYNC_END);
	return sync_error;
}

void fake_machine_fail_flush(int error)
{
	sync_error = error;
}

int fake_machine_flushes(void)
{
	return flushes;
}

enum { JOBS = 16 };

/* What the worker has to compose, or to copy. */
static struct {
	struct render_job *job; /* NULL: a free entry */
	void (*done)(struct render_job *job, int error);
} jobs[JOBS];

static void handle_done(struct render_job *job, int error)
{
	int i = 0;
	while (jobs[i].job != job)
		i++;
	jobs[i].job = NULL;
	jobs[i].done(job, error);
}

int __wrap_render_start(struct waybuf_worker *worker, struct render_job *job);
int __real_render_start(struct waybuf_worker *worker, struct render_job *job);

int __wrap_render_start(struct waybuf_worker *worker, struct render_job *job)
{
	int i = 0;
	while (i < JOBS && jobs[i].job)
		i++;
	ck_assert_int_lt(i, JOBS);
	jobs[i].done = job->done;
	job->done = handle_done;
	int ret = __real_render_start(worker, job);
	if (ret == 0)
		jobs[i].job = job;
	return ret;
}

static bool has(const struct frame *frame, ino_t memory)
{
	struct stat st;
	const struct shm_file *file = frame->shm ? frame->shm->mapping->file : NULL;
	if (file && fstat(file->fd, &st) == 0 && st.st_ino == memory)
		return true;
	for (uint32_t i = 0; frame->backing && i < frame->backing->n_memory; i++)
		if (fstat(frame->backing->memory[i].fd, &st) == 0 && st.st_ino == memory)
			return true;
	return false;
}

bool fake_machine_composes(ino_t memory)
{
	for (int i = 0; i < JOBS; i++) {
		const struct scene *scene = jobs[i].job ? jobs[i].job->scene : NULL;
		for (uint32_t k = 0; scene && k < scene->n_layers; k++)
			if (!scene->layers[k].plane && has(scene->layers[k].frame, memory))
				return true;
	}
	return false;
}

bool fake_machine_composing(void)
{
	for (int i = 0; i < JOBS; i++)
		if (jobs[i].job)
			return true;
	return false;
}

/* ---- time ------------------------------------------------------------------------------------ */

enum { TIMERS = 256 };

static uint64_t now_ms;
static struct {
	struct wl_event_source *source; /* NULL: a free entry */
	wl_event_loop_timer_func_t func;
	void *data;
	uint64_t due_ms; /* 0: not armed */
} timers[TIMERS];

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __real_clock_gettime(clockid_t clock, struct timespec *out);
struct wl_event_source *__wrap_wl_event_loop_add_timer(
	struct wl_event_loop *loop, wl_event_loop_timer_func_t func, void *data);
struct wl_event_source *__real_wl_event_loop_add_timer(
	struct wl_event_loop *loop, wl_event_loop_timer_func_t func, void *data);
int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms);
int __wrap_wl_event_source_remove(struct wl_event_source *source);
int __real_wl_event_source_remove(struct wl_event_source *source);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	if (clock != CLOCK_MONOTONIC || now_ms == 0)
		return __real_clock_gettime(clock, out);
	out->tv_sec = (time_t)(now_ms / 1000);
	out->tv_nsec = (long)(now_ms % 1000) * 1000000;
	return 0;
}

static int find_timer(const struct wl_event_source *source)
{
	for (int i = 0; i < TIMERS; i++)
		if (timers[i].source == source)
			return i;
	return -1;
}

/* The real one is never armed. */
struct wl_event_source *__wrap_wl_event_loop_add_timer(
	struct wl_event_loop *loop, wl_event_loop_timer_func_t func, void *data)
{
	int i = find_timer(NULL);
	ck_assert_int_ge(i, 0);
	timers[i].source = __real_wl_event_loop_add_timer(loop, func, data);
	timers[i].func = func;
	timers[i].data = data;
	timers[i].due_ms = 0;
	return timers[i].source;
}

int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms)
{
	int i = find_timer(source);
	ck_assert_int_ge(i, 0);
	timers[i].due_ms = ms > 0 ? now_ms + (uint64_t)ms : 0;
	return 0;
}

int __wrap_wl_event_source_remove(struct wl_event_source *source)
{
	int i = find_timer(source);
	if (i >= 0)
		timers[i].source = NULL;
	return __real_wl_event_source_remove(source);
}

static int first_due(uint64_t until_ms)
{
	int first = -1;
	for (int i = 0; i < TIMERS; i++)
		if (timers[i].source && timers[i].due_ms && timers[i].due_ms <= until_ms &&
			(first < 0 || timers[i].due_ms < timers[first].due_ms))
			first = i;
	return first;
}

void fake_machine_advance(uint64_t ms)
{
	uint64_t until_ms = now_ms + ms;
	int i;
	while ((i = first_due(until_ms)) >= 0) {
		if (now_ms < timers[i].due_ms)
			now_ms = timers[i].due_ms;
		timers[i].due_ms = 0;
		timers[i].func(timers[i].data);
	}
	now_ms = until_ms;
}

void fake_machine_oversleep(uint64_t ms)
{
	now_ms += ms;
	fake_machine_advance(0);
}

uint64_t fake_machine_now_ms(void)
{
	return now_ms;
}

void fake_machine_init(void)
{
	memset(jobs, 0, sizeof(jobs));
	for (int i = 0; i < TIMERS; i++)
		ck_assert_ptr_null(timers[i].source);
	now_ms = 1000;
}
