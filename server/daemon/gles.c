/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <drm_fourcc.h>

#include "core/cpu_access.h"
#include "draw.h"
#include "gles_priv.h"
#include "gpu/extension.h"
#include "util/fd.h"

static struct gles *from_base(struct renderer *base)
{
	return waybuf_container_of(base, struct gles, base);
}

/* As pixman's, but for tilings: those a GPU may read where the CPU cannot. */
static const char *refusal(const struct frame *frame)
{
	bool tiled = !frame->shm && frame->grant.layout->modifier != DRM_FORMAT_MOD_LINEAR;
	if (tiled && render_readable(frame->format) && frame->width <= INT16_MAX &&
		frame->height <= INT16_MAX)
		return NULL;
	return renderer_pixman.refusal(frame);
}

static void prepare_image(struct gles *gles, const struct render_image *image)
{
	if (image->layout && !*image->import)
		*image->import = gles_import_create(gles);
}

static void prepare(struct renderer *base, struct render_job *job)
{
	struct gles *gles = from_base(base);
	prepare_image(gles, &job->target);
	prepare_image(gles, &job->source);
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++) {
		const struct scene_layer *layer = &job->scene->layers[i];
		struct backing *backing = layer->plane ? NULL : layer->frame->backing;
		if (backing && !backing->import)
			backing->import = gles_import_create(gles);
	}
}

/* ---- the target ---------------------------------------------------------------------------- */

/* One of our own, to be read back: a larger one will do, where displays have several sizes. */
static bool make_own(struct gles *gles, const struct render_image *target)
{
	if (gles->own_width >= target->width && gles->own_height >= target->height)
		return true;
	if (target->width > (uint32_t)gles->most_pixels ||
		target->height > (uint32_t)gles->most_pixels)
		return false;
	gles->own_width = gles->own_height = 0;
	glBindTexture(GL_TEXTURE_2D, gles->own_texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, (GLsizei)target->width, (GLsizei)target->height, 0,
		GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	glBindFramebuffer(GL_FRAMEBUFFER, gles->own_framebuffer);
	glFramebufferTexture2D(
		GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, gles->own_texture, 0);
	if (glGetError() != GL_NO_ERROR ||
		glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		return false;
	gles->own_width = target->width;
	gles->own_height = target->height;
	return true;
}

/* False: this GPU cannot. */
static bool bind_target(struct gles *gles, const struct render_image *target)
{
	struct render_import *import = target->layout ? *target->import : NULL;
	GLuint framebuffer = import ? gles_import_target(import, target->layout) : 0;
	gles->reads_back = !framebuffer;
	gles->width = target->width;
	gles->height = target->height;
	if (gles->reads_back && !make_own(gles, target))
		return false;
	glBindFramebuffer(GL_FRAMEBUFFER, gles->reads_back ? gles->own_framebuffer : framebuffer);
	glViewport(0, 0, (GLsizei)target->width, (GLsizei)target->height);
	return true;
}

/* In the order of bytes that pictures have. */
static void read_boxes(const struct gles *gles, const struct image_access *access,
	const pixman_box32_t *boxes, int n)
{
	const struct render_image *target = access->image;
	glBindFramebuffer(GL_FRAMEBUFFER, gles->own_framebuffer);
	glPixelStorei(GL_PACK_ALIGNMENT, 4);
	glPixelStorei(GL_PACK_ROW_LENGTH, (GLint)target->stride / 4);
	for (int i = 0; i < n; i++) {
		const pixman_box32_t *box = &boxes[i];
		char *to = (char *)access->pixels + (size_t)box->y1 * target->stride +
			(size_t)box->x1 * 4;
		glReadPixels(box->x1, box->y1, box->x2 - box->x1, box->y2 - box->y1, GL_BGRA_EXT,
			GL_UNSIGNED_BYTE, to);
	}
}

static int read_back(const struct gles *gles, struct render_job *job)
{
	const pixman_box32_t all = gles_picture(gles);
	struct image_access access;
	const pixman_box32_t *boxes = &all;
	int n = 1;
	int ret = image_access_begin(&access, &job->target);
	if (ret < 0)
		return ret;
	if (job->region)
		boxes = pixman_region32_rectangles((pixman_region32_t *)job->region, &n);
	read_boxes(gles, &access, boxes, n);
	return image_access_end(&access);
}

/* As for the CPU's access: what a client has put onto its buffer meanwhile is waited for, too. */
static bool is_over(int fence_fd)
{
	struct pollfd poll_fd = {.fd = fence_fd, .events = POLLIN};
	return poll(&poll_fd, 1, CPU_SYNC_MS) == 1;
}

/* glReadPixels() waits without a limit, on everybody's worker, unless the GPU is done before. */
static int finish_read_back(const struct gles *gles, struct render_job *job)
{
	int fence_fd = gpu_submit(gles->gpu);
	if (fence_fd < -1)
		return RENDER_LOST;
	if (fence_fd >= 0 && !is_over(fence_fd)) {
		job->fence_fd = fence_fd;
		return RENDER_LATE;
	}
	fd_close(&fence_fd);
	return read_back(gles, job);
}

static int submit(const struct gles *gles, struct render_job *job)
{
	int fence_fd = gpu_submit(gles->gpu);
	job->fence_fd = fence_fd < 0 ? -1 : fence_fd;
	return fence_fd < -1 ? RENDER_LOST : 0;
}

/* ---- the pass ------------------------------------------------------------------------------ */

/* Whatever GL has against what was drawn, and whatever has become of the GPU meanwhile. */
static bool is_lost(const struct gles *gles)
{
	/* one of each kind at most; a context that is lost may say so for ever */
	bool failed = glGetError() != GL_NO_ERROR;
	for (int i = 0; failed && i < 8 && glGetError() != GL_NO_ERROR; i++)
		continue;
	return failed || (gles->reset_status && gles->reset_status() != GL_NO_ERROR);
}

static int begin(struct render_pass *pass)
{
	struct gles *gles = from_base(pass->renderer);
	const struct render_image *target = &pass->job->target;
	if (target->stride % 4 ||
		(target->format != DRM_FORMAT_XRGB8888 && target->format != DRM_FORMAT_ARGB8888))
		return -EINVAL;
	/* a client's: what is ours is read by nobody but us */
	if (target->cpu && target->layout && !render_is_idle(target->layout, POLLOUT))
		return -ETIMEDOUT;
	if (!gpu_enter(gles->gpu, gles->context))
		return RENDER_LOST;
	gles_sweep(gles);
	glDisable(GL_DITHER);
	glBlendFunc(GL_ONE, GL_ONE_MINUS_SRC_ALPHA);
	if (bind_target(gles, target))
		return 0;
	gpu_leave(gles->gpu);
	return RENDER_LOST;
}

static bool clear(struct render_pass *pass, const pixman_region32_t *region)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
	glEnable(GL_SCISSOR_TEST);
	glClearColor(0, 0, 0, pass->job->transparent ? 0 : 1);
	for (int i = 0; i < n; i++) {
		glScissor(boxes[i].x1, boxes[i].y1, boxes[i].x2 - boxes[i].x1,
			boxes[i].y2 - boxes[i].y1);
		glClear(GL_COLOR_BUFFER_BIT);
	}
	glDisable(GL_SCISSOR_TEST);
	return true;
}

/* False: there is nothing to be drawn. */
static bool find_sampling(const struct gles *gles, const struct scene_layer *layer,
	const pixman_region32_t *region, struct sampling *sampling)
{
	const pixman_box32_t picture = gles_picture(gles);
	return sampling_init(
		sampling, &picture, pixman_region32_extents((pixman_region32_t *)region), layer);
}

static bool copy(struct render_pass *pass, const pixman_region32_t *region)
{
	struct gles *gles = from_base(pass->renderer);
	const struct render_image *image = &pass->job->source;
	const struct scene_layer layer = renderer_plain_layer(0, 0, gles->width, gles->height);
	struct render_import *import = image->layout ? *image->import : NULL;
	struct gles_source source;
	struct sampling sampling;
	if (!find_sampling(gles, &layer, region, &sampling))
		return true;
	if ((!import || !gles_import_source(import, image->layout, &source)) &&
		!gles_upload(gles, image, &layer, &sampling, region, &source))
		return false;
	return gles_draw(gles, &layer, &sampling, region, &source);
}

/* ---- layers -------------------------------------------------------------------------------- */

/* Of memory of wl_shm, if it is such that GL takes it. */
static bool upload_shm(struct gles *gles, struct render_job *job, uint32_t index,
	const struct sampling *sampling, const pixman_region32_t *region,
	struct gles_source *source)
{
	const struct scene_layer *layer = &job->scene->layers[index];
	struct shm_buffer *shm = layer->frame->shm;
	const struct render_image image = render_image_of_shm(shm);
	struct sigbus_guard guard;
	access_guard(&guard, shm);
	bool done = gles_upload(gles, &image, layer, sampling, region, source);
	if (access_unguard(&guard, shm))
		job->cut |= UINT64_C(1) << index;
	return done;
}

static bool find_source(struct gles *gles, struct render_job *job, uint32_t index,
	const struct sampling *sampling, const pixman_region32_t *region,
	struct gles_source *source)
{
	const struct frame *frame = job->scene->layers[index].frame;
	if (frame->shm)
		return upload_shm(gles, job, index, sampling, region, source);
	return frame->backing->import &&
		gles_import_source(frame->backing->import, frame->grant.layout, source);
}

/* By the CPU onto an image of its own, which has it as the target would, but for what is below. */
static bool draw_image(const struct gles *gles, struct render_job *job, uint32_t index,
	const pixman_region32_t *region, const struct sampling *sampling, pixman_image_t *image)
{
	struct scene_layer layer = job->scene->layers[index];
	const int32_t x = layer.x + sampling->drawn.x1, y = layer.y + sampling->drawn.y1;
	const struct canvas all = draw_canvas(image);
	const struct canvas canvas = {
		image, {-x, -y, (int32_t)gles->width - x, (int32_t)gles->height - y}};
	pixman_region32_t clip;
	pixman_region32_init(&clip);
	bool done = pixman_region32_copy(&clip, (pixman_region32_t *)region);
	pixman_region32_translate(&clip, -x, -y);
	layer.x -= x;
	layer.y -= y;
	if (done)
		done = pixman_image_set_clip_region32(image, &clip) &&
			renderer_pixman_draw(job, &canvas, &all.picture, &layer, index);
	pixman_region32_fini(&clip);
	return done;
}

static bool upload_image(struct gles *gles, const struct scene_layer *from,
	const struct sampling *sampling, const pixman_region32_t *region, pixman_image_t *image)
{
	const struct render_image pixels = {
		.pixels = pixman_image_get_data(image),
		.width = (uint32_t)pixman_image_get_width(image),
		.height = (uint32_t)pixman_image_get_height(image),
		.stride = (uint32_t)pixman_image_get_stride(image),
		.format = DRM_FORMAT_ARGB8888,
	};
	struct scene_layer layer = renderer_plain_layer(from->x + sampling->drawn.x1,
		from->y + sampling->drawn.y1, pixels.width, pixels.height);
	struct gles_source source;
	struct sampling plain;
	layer.opaque = from->opaque;
	if (!find_sampling(gles, &layer, region, &plain) ||
		!gles_upload(gles, &pixels, &layer, &plain, region, &source))
		return false;
	return gles_draw(gles, &layer, &plain, region, &source);
}

static bool draw_by_cpu(struct gles *gles, struct render_job *job, uint32_t index,
	const pixman_region32_t *region, const struct sampling *sampling)
{
	const struct scene_layer *layer = &job->scene->layers[index];
	const pixman_box32_t *drawn = &sampling->drawn;
	if (renderer_pixman.refusal(layer->frame))
		return false;
	pixman_image_t *image = pixman_image_create_bits(
		PIXMAN_a8r8g8b8, drawn->x2 - drawn->x1, drawn->y2 - drawn->y1, NULL, 0);
	if (!image)
		return false;
	bool done = draw_image(gles, job, index, region, sampling, image) &&
		upload_image(gles, layer, sampling, region, image);
	pixman_image_unref(image);
	return done;
}

static bool draw(struct render_pass *pass, const pixman_region32_t *region, uint32_t index)
{
	struct gles *gles = from_base(pass->renderer);
	const struct scene_layer *layer = &pass->job->scene->layers[index];
	struct gles_source source;
	struct sampling sampling;
	if (!find_sampling(gles, layer, region, &sampling))
		return true;
	/*
	 * Drivers have a GPU wait for the fences that are on a dma-buf, whoever put them there and
	 * whether they ever signal; and with the one job all that follow. Who adds one after the
	 * latch, or while a picture of his is taken, is left out, as by the CPU.
	 */
	if (!layer->frame->shm && !render_is_idle(layer->frame->grant.layout, POLLIN))
		return false;
	if (find_source(gles, pass->job, index, &sampling, region, &source) &&
		gles_draw(gles, layer, &sampling, region, &source))
		return true;
	return draw_by_cpu(gles, pass->job, index, region, &sampling);
}

static int end(struct render_pass *pass)
{
	struct gles *gles = from_base(pass->renderer);
	int ret = gles->reads_back ? finish_read_back(gles, pass->job) : submit(gles, pass->job);
	if (is_lost(gles))
		ret = RENDER_LOST;
	if (ret == RENDER_LOST && pass->job->fence_fd >= 0) {
		/* the CPU is about to draw into the same image */
		is_over(pass->job->fence_fd);
		fd_close(&pass->job->fence_fd);
	}
	gpu_leave(gles->gpu);
	return ret;
}

/* ---- the renderer -------------------------------------------------------------------------- */

static void destroy(struct renderer *base)
{
	struct gles *gles = from_base(base);
	if (gles->context != EGL_NO_CONTEXT && gpu_enter(gles->gpu, gles->context)) {
		gles_sweep(gles);
		gles_upload_finish(gles);
		gles_programs_finish(gles);
		glDeleteFramebuffers(1, &gles->own_framebuffer);
		glDeleteTextures(1, &gles->own_texture);
		gpu_leave(gles->gpu);
	}
	if (gles->context != EGL_NO_CONTEXT)
		eglDestroyContext(gles->gpu->display, gles->context);
	gpu_unref(gles->gpu);
	renderer_finish(&gles->base);
	pthread_mutex_destroy(&gles->lock);
	free(gles);
}

static const struct renderer_ops ops = {
	.name = "gles",
	.refusal = refusal,
	.prepare = prepare,
	.begin = begin,
	.clear = clear,
	.copy = copy,
	.draw = draw,
	.end = end,
	.destroy = destroy,
};

static void find_reset_status(struct gles *gles, const char *extensions)
{
	const char *name = gpu_has_extension(extensions, "GL_KHR_robustness")
		? "glGetGraphicsResetStatusKHR"
		: "glGetGraphicsResetStatusEXT";
	if (gpu_has_extension(extensions, "GL_KHR_robustness") ||
		gpu_has_extension(extensions, "GL_EXT_robustness"))
		gles->reset_status = (PFNGLGETGRAPHICSRESETSTATUSEXTPROC)eglGetProcAddress(name);
}

/* NULL, or what is missing. The context is current. */
static const char *init(struct gles *gles)
{
	const char *extensions = (const char *)glGetString(GL_EXTENSIONS);
	if (!gpu_has_extension(extensions, "GL_EXT_read_format_bgra"))
		return "it has no GL_EXT_read_format_bgra";
	find_reset_status(gles, extensions);
	glGetIntegerv(GL_MAX_TEXTURE_SIZE, &gles->most_pixels);
	glGenTextures(1, &gles->own_texture);
	glGenFramebuffers(1, &gles->own_framebuffer);
	if (!gles_upload_init(gles) || !gles_programs_init(gles))
		return "its GL does not take the shaders";
	return is_lost(gles) ? "its GL fails" : NULL;
}

/* NULL, or what is missing. Without fences the worker could only wait, for as long as it takes. */
static const char *start(struct gles *gles)
{
	struct waybuf_gpu *gpu = gles->gpu;
	if (!gpu->software && !gpu->egl.create_sync)
		return "it has no EGL_ANDROID_native_fence_sync";
	gles->context = gpu_context_create(gpu);
	if (gles->context == EGL_NO_CONTEXT || !gpu_enter(gpu, gles->context))
		return "it has no context for GLES 3";
	const char *why = init(gles);
	gpu_leave(gpu);
	return why;
}

int gles_create(struct waybuf_gpu *gpu, struct waybuf_loop *loop, struct waybuf_worker *worker,
	struct renderer **out, const char **why)
{
	struct gles *gles = calloc(1, sizeof(*gles));
	*why = "no memory";
	if (!gles)
		return -ENOMEM;
	int ret = renderer_init(&gles->base, &ops, loop, worker);
	if (ret < 0) {
		free(gles);
		return ret;
	}
	gles_sweep_init(gles);
	gles->gpu = gpu;
	gpu->refs++;
	gles->base.device = waybuf_gpu_name(gpu);
	*why = start(gles);
	if (*why) {
		destroy(&gles->base);
		return -EOPNOTSUPP;
	}
	*out = &gles->base;
	return 0;
}

bool gles_takes_target(struct renderer *renderer, const struct waybuf_layout *layout)
{
	struct gles *gles = from_base(renderer);
	struct render_import *import = gles_import_create(gles);
	if (!import)
		return false;
	bool entered = gpu_enter(gles->gpu, gles->context);
	bool takes = entered && gles_import_target(import, layout) != 0;
	gles_import_free(import);
	if (entered)
		gpu_leave(gles->gpu);
	return takes;
}
