/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <wayland-client.h>

#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/shm_format.h"

/*
 * One frame of one output, through ext-image-copy-capture-v1 into shared memory. The session says
 * which size and formats it wants; they can change until the frame is captured (a mode set), which
 * the frame reports as failed(buffer_constraints), and then the whole is tried again.
 */

#define MAX_OUTPUTS 32
#define MAX_TRIES 3

struct output {
	struct wl_output *proxy;
	char name[64];
};

struct capture {
	struct ctl_session *session;
	struct wl_shm *shm;
	struct ext_output_image_capture_source_manager_v1 *sources;
	struct ext_image_copy_capture_manager_v1 *manager;
	struct output outputs[MAX_OUTPUTS];
	uint32_t n_outputs;

	/* what the capture session wants */
	bool constrained, stopped;
	uint32_t width, height;
	uint32_t format; /* DRM_FORMAT_*, 0 if none is of use to us */

	/* what became of the frame */
	bool finished, ready;
	uint32_t failure;
};

/* Shared memory for one frame. */
struct target {
	int fd;
	void *pixels;
	/* as they were when it was made: the session may announce others meanwhile */
	uint32_t width, height, stride, format;
	size_t size;
	struct wl_buffer *buffer;
};

/* ---- outputs ------------------------------------------------------------------------------- */

static void handle_name(void *data, struct wl_output *proxy, const char *name)
{
	struct output *output = data;
	snprintf(output->name, sizeof(output->name), "%s", name);
}

static void handle_geometry(void *data, struct wl_output *proxy, int32_t x, int32_t y,
	int32_t width_mm, int32_t height_mm, int32_t subpixel, const char *make, const char *model,
	int32_t transform)
{
	/* Only the name matters. */
}

static void handle_mode(void *data, struct wl_output *proxy, uint32_t flags, int32_t width,
	int32_t height, int32_t refresh)
{
	/* The capture session tells the size. */
}

static void handle_output_done(void *data, struct wl_output *proxy)
{
	/* A roundtrip follows anyway. */
}

static void handle_scale(void *data, struct wl_output *proxy, int32_t factor)
{
	/* Captures are in pixels. */
}

static void handle_description(void *data, struct wl_output *proxy, const char *description)
{
	/* Only the name matters. */
}

static const struct wl_output_listener output_listener = {
	.geometry = handle_geometry,
	.mode = handle_mode,
	.done = handle_output_done,
	.scale = handle_scale,
	.name = handle_name,
	.description = handle_description,
};

static enum ctl_status bind_outputs(struct capture *capture)
{
	struct ctl_session *session = capture->session;
	for (uint32_t i = 0; i < session->n_globals && capture->n_outputs < MAX_OUTPUTS; i++) {
		const struct ctl_global *global = &session->globals[i];
		if (strcmp(global->interface, wl_output_interface.name) != 0)
			continue;
		struct output *output = &capture->outputs[capture->n_outputs++];
		uint32_t version = global->version < 4 ? global->version : 4;
		output->proxy = wl_registry_bind(
			session->registry, global->name, &wl_output_interface, version);
		wl_output_add_listener(output->proxy, &output_listener, output);
	}
	return ctl_session_sync(session, "the list of outputs");
}

/* NULL, and a message, if there is none of that name. */
static struct wl_output *choose_output(struct capture *capture, const char *name)
{
	if (capture->n_outputs == 0) {
		ctl_error("the server has no output to capture");
		return NULL;
	}
	if (!name)
		return capture->outputs[0].proxy;
	char names[256] = "";
	for (uint32_t i = 0; i < capture->n_outputs; i++) {
		if (strcmp(capture->outputs[i].name, name) == 0)
			return capture->outputs[i].proxy;
		size_t length = strlen(names);
		snprintf(names + length, sizeof(names) - length, " %s", capture->outputs[i].name);
	}
	ctl_error("there is no output '%s'; there is:%s", name, names);
	return NULL;
}

/* ---- what the session wants ---------------------------------------------------------------- */

static void handle_buffer_size(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t width, uint32_t height)
{
	struct capture *capture = data;
	/* A new set begins. */
	if (capture->constrained)
		capture->format = 0;
	capture->constrained = false;
	capture->width = width;
	capture->height = height;
}

static void handle_shm_format(
	void *data, struct ext_image_copy_capture_session_v1 *session, uint32_t format)
{
	struct capture *capture = data;
	if (capture->constrained)
		capture->format = 0;
	capture->constrained = false;
	if (!capture->format && ctl_image_supports(shm_format_to_drm(format)))
		capture->format = shm_format_to_drm(format);
}

static void handle_dmabuf_device(
	void *data, struct ext_image_copy_capture_session_v1 *session, struct wl_array *device)
{
	/* Shared memory is enough for one frame. */
}

static void handle_dmabuf_format(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t format, struct wl_array *modifiers)
{
	/* As above. */
}

static void handle_done(void *data, struct ext_image_copy_capture_session_v1 *session)
{
	struct capture *capture = data;
	capture->constrained = true;
}

static void handle_stopped(void *data, struct ext_image_copy_capture_session_v1 *session)
{
	struct capture *capture = data;
	capture->stopped = true;
	/* Nothing will come any more: whoever waits for constraints need not. */
	capture->constrained = true;
}

static const struct ext_image_copy_capture_session_v1_listener session_listener = {
	.buffer_size = handle_buffer_size,
	.shm_format = handle_shm_format,
	.dmabuf_device = handle_dmabuf_device,
	.dmabuf_format = handle_dmabuf_format,
	.done = handle_done,
	.stopped = handle_stopped,
};

/* ---- the target ---------------------------------------------------------------------------- */

static void finish_target(struct target *target)
{
	if (target->buffer)
		wl_buffer_destroy(target->buffer);
	if (target->pixels)
		munmap(target->pixels, target->size);
	fd_close(&target->fd);
	*target = (struct target){.fd = -1};
}

/* wl_shm counts in int32. */
static bool compute_size(const struct capture *capture, struct target *target)
{
	uint64_t stride = 0, size = 0;
	if (capture->width == 0 || capture->height == 0 ||
		!checked_mul(capture->width, 4, &stride) ||
		!checked_mul(stride, capture->height, &size) || size > INT32_MAX)
		return false;
	target->width = capture->width;
	target->height = capture->height;
	target->format = capture->format;
	target->stride = (uint32_t)stride;
	target->size = (size_t)size;
	return true;
}

static int map_target(struct target *target)
{
	target->fd = memfd_create("waybufctl screenshot", MFD_CLOEXEC);
	if (target->fd < 0 || ftruncate(target->fd, (off_t)target->size) < 0)
		return -errno;
	void *pixels = mmap(NULL, target->size, PROT_READ, MAP_SHARED, target->fd, 0);
	if (pixels == MAP_FAILED)
		return -errno;
	target->pixels = pixels;
	return 0;
}

static enum ctl_status init_target(const struct capture *capture, struct target *target)
{
	*target = (struct target){.fd = -1};
	if (!compute_size(capture, target)) {
		ctl_error("the output is %u x %u pixels, which no screenshot can have",
			capture->width, capture->height);
		return CTL_FAILED;
	}
	int ret = map_target(target);
	if (ret < 0) {
		ctl_error("no memory for the picture: %s", strerror(-ret));
		finish_target(target);
		return CTL_FAILED;
	}
	struct wl_shm_pool *pool =
		wl_shm_create_pool(capture->shm, target->fd, (int32_t)target->size);
	target->buffer =
		wl_shm_pool_create_buffer(pool, 0, (int32_t)target->width, (int32_t)target->height,
			(int32_t)target->stride, shm_format_from_drm(target->format));
	wl_shm_pool_destroy(pool);
	return CTL_OK;
}

/* ---- the frame ----------------------------------------------------------------------------- */

static void handle_transform(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t transform)
{
	if (transform != WL_OUTPUT_TRANSFORM_NORMAL)
		ctl_error("note: the output is rotated, the picture shows it as the panel does");
}

static void handle_damage(void *data, struct ext_image_copy_capture_frame_v1 *frame, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	/* The first frame of a session is whole. */
}

static void handle_presentation_time(void *data, struct ext_image_copy_capture_frame_v1 *frame,
	uint32_t seconds_hi, uint32_t seconds_lo, uint32_t nanoseconds)
{
	/* A picture has no clock. */
}

static void handle_ready(void *data, struct ext_image_copy_capture_frame_v1 *frame)
{
	struct capture *capture = data;
	capture->finished = capture->ready = true;
}

static void handle_failed(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t reason)
{
	struct capture *capture = data;
	capture->finished = true;
	capture->failure = reason;
}

static const struct ext_image_copy_capture_frame_v1_listener frame_listener = {
	.transform = handle_transform,
	.damage = handle_damage,
	.presentation_time = handle_presentation_time,
	.ready = handle_ready,
	.failed = handle_failed,
};

/* Captures into @target; capture->ready tells whether there is a picture. */
static enum ctl_status capture_frame(struct capture *capture,
	struct ext_image_copy_capture_session_v1 *session, const struct target *target)
{
	capture->finished = capture->ready = false;
	struct ext_image_copy_capture_frame_v1 *frame =
		ext_image_copy_capture_session_v1_create_frame(session);
	ext_image_copy_capture_frame_v1_add_listener(frame, &frame_listener, capture);
	ext_image_copy_capture_frame_v1_attach_buffer(frame, target->buffer);
	ext_image_copy_capture_frame_v1_damage_buffer(
		frame, 0, 0, (int32_t)target->width, (int32_t)target->height);
	ext_image_copy_capture_frame_v1_capture(frame);
	enum ctl_status status =
		ctl_session_wait(capture->session, &capture->finished, "the picture");
	ext_image_copy_capture_frame_v1_destroy(frame);
	return status;
}

/* One attempt. CTL_OK without capture->ready: try again. */
static enum ctl_status attempt(struct capture *capture,
	struct ext_image_copy_capture_session_v1 *session, struct target *target)
{
	enum ctl_status status =
		ctl_session_wait(capture->session, &capture->constrained, "the size of the output");
	if (status != CTL_OK)
		return status;
	if (capture->stopped) {
		ctl_error("the output cannot be captured (any more)");
		return CTL_FAILED;
	}
	if (!capture->format) {
		ctl_error("the server captures into no 32-bit RGB format of shared memory");
		return CTL_UNSUPPORTED;
	}
	status = init_target(capture, target);
	if (status != CTL_OK)
		return status;
	status = capture_frame(capture, session, target);
	if (status != CTL_OK || capture->ready)
		return status;
	if (capture->failure == EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_BUFFER_CONSTRAINTS)
		return CTL_OK;
	ctl_error("the server could not capture the output: if it is not switched off (see "
		  "waybufctl info), the server's log may say why");
	return CTL_FAILED;
}

static enum ctl_status capture_output(
	struct capture *capture, struct wl_output *output, struct target *target)
{
	struct ext_image_capture_source_v1 *source =
		ext_output_image_capture_source_manager_v1_create_source(capture->sources, output);
	struct ext_image_copy_capture_session_v1 *session =
		ext_image_copy_capture_manager_v1_create_session(capture->manager, source, 0);
	ext_image_copy_capture_session_v1_add_listener(session, &session_listener, capture);

	enum ctl_status status = CTL_OK;
	for (int i = 0; i < MAX_TRIES && status == CTL_OK && !capture->ready; i++) {
		finish_target(target);
		status = attempt(capture, session, target);
	}
	ext_image_copy_capture_session_v1_destroy(session);
	ext_image_capture_source_v1_destroy(source);
	if (status == CTL_OK && !capture->ready) {
		ctl_error("the output changed its size again and again; try once more");
		return CTL_FAILED;
	}
	return status;
}

/* ---- the command --------------------------------------------------------------------------- */

static enum ctl_status bind_globals(struct capture *capture)
{
	struct ctl_session *session = capture->session;
	capture->shm = ctl_session_bind(session, &wl_shm_interface, 1, 1);
	capture->sources = ctl_session_bind(
		session, &ext_output_image_capture_source_manager_v1_interface, 1, 1);
	capture->manager =
		ctl_session_bind(session, &ext_image_copy_capture_manager_v1_interface, 1, 1);
	const char *missing = !capture->manager ? ext_image_copy_capture_manager_v1_interface.name
		: !capture->sources ? ext_output_image_capture_source_manager_v1_interface.name
		: !capture->shm     ? wl_shm_interface.name
				    : NULL;
	if (!missing)
		return bind_outputs(capture);
	ctl_error("this server takes no screenshots: it has no %s", missing);
	return CTL_UNSUPPORTED;
}

static void release_globals(struct capture *capture)
{
	for (uint32_t i = 0; i < capture->n_outputs; i++)
		wl_output_destroy(capture->outputs[i].proxy);
	if (capture->manager)
		ext_image_copy_capture_manager_v1_destroy(capture->manager);
	if (capture->sources)
		ext_output_image_capture_source_manager_v1_destroy(capture->sources);
	if (capture->shm)
		wl_shm_destroy(capture->shm);
}

static enum ctl_status take(struct capture *capture, const struct ctl_screenshot_options *options)
{
	enum ctl_status status = bind_globals(capture);
	if (status != CTL_OK)
		return status;
	struct wl_output *output = choose_output(capture, options->output);
	if (!output)
		return CTL_FAILED;
	/* Before anything is captured: a path that cannot be written is the commonest mistake. */
	struct ctl_image_file file;
	status = ctl_image_open(&file, options->path);
	if (status != CTL_OK)
		return status;
	struct target target = {.fd = -1};
	status = capture_output(capture, output, &target);
	enum ctl_status written = ctl_image_finish(&file, status == CTL_OK ? target.pixels : NULL,
		target.width, target.height, target.stride, target.format);
	finish_target(&target);
	return status == CTL_OK ? written : status;
}

enum ctl_status ctl_screenshot(const struct ctl_screenshot_options *options)
{
	struct ctl_session session;
	enum ctl_status status = ctl_session_open(&session, options->display, false);
	if (status != CTL_OK)
		return status;
	struct capture capture = {.session = &session};
	status = take(&capture, options);
	release_globals(&capture);
	ctl_session_close(&session);
	return status;
}
