/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <stdlib.h>

#include "core/format.h"
#include "gles_priv.h"
#include "gpu/software.h"
#include "yuv.h"

/* What was asked once is remembered, refusals too: to ask costs more than to draw. */
struct gles_import {
	struct render_import base;
	struct gles *gles;
	bool tried, tried_target;
	bool usable; /* as a source */
	struct gles_source source;
	uint32_t n;
	EGLImageKHR images[GLES_MOST_TEXTURES];
	GLuint framebuffer; /* 0: none */
	struct waybuf_list link; // gles.dead
};

static struct gles_import *from_base(struct render_import *base)
{
	return waybuf_container_of(base, struct gles_import, base);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* GL keeps what the GPU still needs. */
static void release(struct gles_import *import)
{
	const struct waybuf_gpu *gpu = import->gles->gpu;
	if (import->framebuffer)
		glDeleteFramebuffers(1, &import->framebuffer);
	for (uint32_t i = 0; i < import->n; i++) {
		glDeleteTextures(1, &import->source.textures[i]);
		gpu->egl.destroy_image(gpu->display, import->images[i]);
	}
	import->n = 0;
	import->framebuffer = 0;
}

void gles_import_free(struct render_import *base)
{
	struct gles_import *import = from_base(base);
	release(import);
	free(import);
}

static struct gles_import *take_dead(struct gles *gles)
{
	struct gles_import *import = NULL;
	pthread_mutex_lock(&gles->lock);
	if (!waybuf_list_empty(&gles->dead)) {
		import = waybuf_list_first(&gles->dead, struct gles_import, link);
		waybuf_list_remove(&import->link);
	}
	pthread_mutex_unlock(&gles->lock);
	return import;
}

void gles_sweep(struct gles *gles)
{
	struct gles_import *import;
	while ((import = take_dead(gles)))
		gles_import_free(&import->base);
}

static void run_sweep(struct waybuf_job *job)
{
	struct gles *gles = waybuf_container_of(job, struct gles, sweep);
	gles->swept = gpu_enter(gles->gpu, gles->context);
	if (!gles->swept)
		return;
	gles_sweep(gles);
	gpu_leave(gles->gpu);
}

static void handle_swept(struct waybuf_job *job)
{
	struct gles *gles = waybuf_container_of(job, struct gles, sweep);
	pthread_mutex_lock(&gles->lock);
	bool more = !waybuf_list_empty(&gles->dead);
	pthread_mutex_unlock(&gles->lock);
	/* what cannot be freed now is freed in the end */
	gles->sweeping = more && gles->swept && gles->base.worker &&
		waybuf_worker_submit(gles->base.worker, &gles->sweep) == 0;
}

/* At once, not with the next picture: a client's memory is not kept for longer than the client. */
static void destroy(struct render_import *base)
{
	struct gles_import *import = from_base(base);
	struct gles *gles = import->gles;
	pthread_mutex_lock(&gles->lock);
	waybuf_list_append(&gles->dead, &import->link);
	pthread_mutex_unlock(&gles->lock);
	if (!gles->sweeping && gles->base.worker)
		gles->sweeping = waybuf_worker_submit(gles->base.worker, &gles->sweep) == 0;
}

void gles_sweep_init(struct gles *gles)
{
	pthread_mutex_init(&gles->lock, NULL);
	waybuf_list_init(&gles->dead);
	gles->sweep.run = run_sweep;
	gles->sweep.done = handle_swept;
}

struct render_import *gles_import_create(struct gles *gles)
{
	struct gles_import *import = calloc(1, sizeof(*import));
	if (!import)
		return NULL;
	import->base.destroy = destroy;
	import->gles = gles;
	return &import->base;
}

/* ---- images -------------------------------------------------------------------------------- */

/* What an image is made of: all planes as they are, or one of them. */
struct part {
	uint32_t format, first, n, width, height;
};

static GLenum texture_target(const struct gles_import *import)
{
	return import->source.kind == GLES_EXTERNAL ? GL_TEXTURE_EXTERNAL_OES : GL_TEXTURE_2D;
}

static GLuint make_texture(const struct gles_import *import, EGLImageKHR image)
{
	const GLenum target = texture_target(import);
	GLuint texture = gles_make_texture(target);
	import->gles->gpu->egl.image_target_texture(target, image);
	if (glGetError() == GL_NO_ERROR)
		return texture;
	glDeleteTextures(1, &texture);
	return 0;
}

static bool add(
	struct gles_import *import, const struct waybuf_layout *layout, const struct part *part)
{
	const struct waybuf_gpu *gpu = import->gles->gpu;
	EGLImageKHR image = part->format ? gpu_image_create(gpu, layout, part->format, part->first,
						   part->n, part->width, part->height)
					 : EGL_NO_IMAGE_KHR;
	if (image == EGL_NO_IMAGE_KHR)
		return false;
	GLuint texture = make_texture(import, image);
	if (!texture) {
		gpu->egl.destroy_image(gpu->display, image);
		return false;
	}
	import->images[import->n] = image;
	import->source.textures[import->n++] = texture;
	return true;
}

static bool add_whole(struct gles_import *import, const struct waybuf_layout *layout)
{
	const struct part whole = {
		layout->format, 0, layout->n_planes, layout->width, layout->height};
	import->source.kind = gpu_is_external(import->gles->gpu, layout->format, layout->modifier)
		? GLES_EXTERNAL
		: GLES_RGB;
	return add(import, layout, &whole);
}

static bool add_planes(struct gles_import *import, const struct waybuf_layout *layout)
{
	const struct waybuf_format *format = waybuf_format_get(layout->format);
	if (!format || format->n_planes != layout->n_planes ||
		format->n_planes > GLES_MOST_TEXTURES)
		return false;
	import->source.kind = format->n_planes == 2 ? GLES_PAIRS : GLES_PLANES;
	for (uint32_t i = 0; i < format->n_planes; i++) {
		const struct part part = {
			.format = gpu_plane_format(format, i),
			.first = i,
			.n = 1,
			.width = (uint32_t)waybuf_format_plane_width(format, i, layout->width),
			.height = (uint32_t)waybuf_format_plane_height(format, i, layout->height),
		};
		if (!add(import, layout, &part))
			return false;
	}
	return true;
}

static const char *find_refusal(
	const struct gles_import *import, const struct waybuf_layout *layout)
{
	const uint32_t most = (uint32_t)import->gles->most_pixels;
	if (layout->width > most || layout->height > most)
		return "it is too large for the GPU";
	for (uint32_t i = 0; i < layout->n_memory; i++)
		if (layout->memory[i].kind != WAYBUF_MEMORY_DMABUF)
			return "its memory is no dma-buf";
	return NULL;
}

/* NULL, or why not. */
static const char *import_source(struct gles_import *import, const struct waybuf_layout *layout)
{
	const char *refusal = find_refusal(import, layout);
	if (refusal)
		return refusal;
	bool planes = yuv_readable(layout->format) && layout->modifier == DRM_FORMAT_MOD_LINEAR;
	bool made = planes ? add_planes(import, layout) : add_whole(import, layout);
	if (made && (import->source.kind != GLES_EXTERNAL || import->gles->has_external))
		return NULL;
	release(import);
	return planes ? "the GPU takes no such planes" : "the GPU does not take it";
}

bool gles_import_source(
	struct render_import *base, const struct waybuf_layout *layout, struct gles_source *source)
{
	struct gles_import *import = from_base(base);
	if (!import->tried) {
		const char *refusal = import_source(import, layout);
		import->tried = true;
		import->source.format = layout->format;
		import->usable = !refusal;
		if (refusal)
			import->base.refusal = refusal;
	}
	*source = import->source;
	return import->usable && !base->late;
}

static GLuint make_framebuffer(const struct gles_import *import)
{
	GLuint framebuffer;
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(
		GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, import->source.textures[0], 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE)
		return framebuffer;
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteFramebuffers(1, &framebuffer);
	return 0;
}

GLuint gles_import_target(struct render_import *base, const struct waybuf_layout *layout)
{
	struct gles_import *import = from_base(base);
	struct gles_source source;
	if (import->tried_target)
		return import->framebuffer;
	import->tried_target = true;
	if (gles_import_source(base, layout, &source) && source.kind == GLES_RGB &&
		(!import->gles->gpu->software || gpu_software_takes_target(layout)))
		import->framebuffer = make_framebuffer(import);
	if (!import->framebuffer && !import->base.refusal)
		import->base.refusal = "the GPU does not draw into it";
	return import->framebuffer;
}
