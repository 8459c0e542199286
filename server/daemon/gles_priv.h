/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_GLES_PRIV_H
#define DAEMON_GLES_PRIV_H

#include <pthread.h>

#include "gles.h"
#include "gpu/egl.h"
#include "sampling.h"

/* Shared by the files gles*.c. All but what is marked so is the worker's. */

/* What the textures of a layer hold. */
enum gles_kind {
	GLES_RGB,
	GLES_EXTERNAL, /* what the driver converts, in its own way */
	GLES_PAIRS, /* YUV: a plane of luma, one of chroma */
	GLES_PLANES, /* one of luma, two of chroma */
	GLES_KINDS,
};

#define GLES_MOST_TEXTURES 3

struct gles_source {
	enum gles_kind kind;
	GLuint textures[GLES_MOST_TEXTURES];
	int32_t x, y; /* where in the buffer the first texel is */
	uint32_t format; /* DRM_FORMAT_* */
};

struct gles_program {
	bool tried;
	GLuint name; /* 0: none */
	GLint size, origin, along, base, source, first, is_565, straight, opaque, mask;
	GLint most, shift, code_mask, swapped, subsampling, matrix;
};

struct gles {
	struct renderer base;
	struct waybuf_gpu *gpu; /* referenced */
	EGLContext context;
	/* for what is as it is, and for what is filtered: most layers need no filter */
	struct gles_program programs[GLES_KINDS][2];
	bool has_external; /* GL has such textures */
	GLint most_pixels; /* of a texture's side */
	PFNGLGETGRAPHICSRESETSTATUSEXTPROC reset_status; /* NULL: GL cannot tell */

	/* what is uploaded, anew for each layer; and an image to be read back, of at most that size */
	GLuint upload;
	GLuint own_texture, own_framebuffer;
	uint32_t own_width, own_height;

	bool reads_back; /* in this pass */
	uint32_t width, height; /* of its target */

	/* imports that nobody has any more */
	pthread_mutex_t lock; /* of the list */
	struct waybuf_list dead; // gles_import.link
	struct waybuf_job sweep;
	bool swept; /* that job could do it */
	bool sweeping; /* the loop's: it is on its way */
};

/* All of the target of this pass. */
static inline pixman_box32_t gles_picture(const struct gles *gles)
{
	return (pixman_box32_t){0, 0, (int32_t)gles->width, (int32_t)gles->height};
}

/* gles_program.c. False: GL does not take it. */
bool gles_programs_init(struct gles *gles);
void gles_programs_finish(struct gles *gles);
/*
 * Draws @region, all inside of the layer, from @source. @sampling is of the whole target. False: GL
 * has no program for that.
 */
bool gles_draw(struct gles *gles, const struct scene_layer *layer, const struct sampling *sampling,
	const pixman_region32_t *region, const struct gles_source *source);

/* gles_upload.c */
bool gles_upload_init(struct gles *gles);
void gles_upload_finish(struct gles *gles);
/* Bound, and without anything in it. 0: the context is lost. */
GLuint gles_make_texture(GLenum target);
/*
 * What of @image is needed for @region, all of which @sampling is of. False: GL does not take it, or
 * has no memory.
 */
bool gles_upload(struct gles *gles, const struct render_image *image,
	const struct scene_layer *layer, const struct sampling *sampling,
	const pixman_region32_t *region, struct gles_source *source);

/* gles_import.c */
struct render_import *gles_import_create(struct gles *gles); /* the loop's; NULL: no memory */
/* False: the import's refusal says why. */
bool gles_import_source(struct render_import *import, const struct waybuf_layout *layout,
	struct gles_source *source);
/* 0: likewise. */
GLuint gles_import_target(struct render_import *import, const struct waybuf_layout *layout);
/* At once, in the context. */
void gles_import_free(struct render_import *import);
/* What becomes of those that nobody has. */
void gles_sweep_init(struct gles *gles);
/* Frees them, in the context. */
void gles_sweep(struct gles *gles);

#endif
