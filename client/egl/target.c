/* SPDX-License-Identifier: MIT */
#include "egl_priv.h"

#include <errno.h>

#include "gpu/software.h"

/* What the driver calls external can only be sampled, through a sampler of its own kind. */
static bool is_external(struct waybuf_egl *egl, const struct waybuf_layout *layout)
{
	struct egl_modifiers known;
	if (!(egl->features & WAYBUF_EGL_MODIFIERS) ||
		!egl_get_modifiers(egl, layout->format, &known))
		return false;
	for (EGLint i = 0; i < known.n; i++) {
		if (known.modifiers[i] == layout->modifier)
			return known.external[i];
	}
	return false;
}

static int check(struct waybuf_egl *egl, const struct waybuf_layout *layout, uint64_t access,
	GLenum *texture_target)
{
	const uint64_t able = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_SAMPLE |
		WAYBUF_ACCESS_RENDER;
	if (!(access & (WAYBUF_ACCESS_SAMPLE | WAYBUF_ACCESS_RENDER)) || access & ~able)
		return egl_fail(egl, -EINVAL, "target: neither to be sampled nor to be drawn");
	if (!(egl->features & WAYBUF_EGL_TEXTURES))
		return egl_fail(egl, -EOPNOTSUPP, "target: GL has no GL_OES_EGL_image");
	*texture_target = is_external(egl, layout) ? GL_TEXTURE_EXTERNAL_OES : GL_TEXTURE_2D;
	if (*texture_target != GL_TEXTURE_2D && access & WAYBUF_ACCESS_RENDER)
		return egl_fail(egl, -EOPNOTSUPP,
			"target: %.4s can only be sampled by this display",
			(const char *)&layout->format);
	/* Memory that others chose, without this renderer: it would write beyond it, or not at all. */
	if (egl->software && access & WAYBUF_ACCESS_RENDER && !gpu_software_takes_target(layout))
		return egl_fail(egl, -EOPNOTSUPP,
			"target: the software renderer wants strides and offsets of %d bytes, and"
			" rows of %d",
			GPU_SOFTWARE_ALIGN, GPU_SOFTWARE_BLOCK);
	return egl_check_context(egl, "target");
}

/* Some drivers go on telling of a context that is lost. */
static void forget_errors(const struct gl_functions *gl)
{
	for (int i = 0; i < 16 && gl->get_error() != GL_NO_ERROR; i++)
		;
}

static int make_texture(struct waybuf_egl *egl, struct waybuf_egl_target *target)
{
	const struct gl_functions *gl = &egl->gl;
	const GLenum kind = target->texture_target;
	forget_errors(gl);
	gl->gen_textures(1, &target->texture);
	gl->bind_texture(kind, target->texture);
	gl->image_target_texture(kind, target->image);
	/* the default filter wants smaller images, which there are none of */
	gl->tex_parameter(kind, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
	gl->tex_parameter(kind, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
	gl->tex_parameter(kind, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	gl->tex_parameter(kind, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	GLenum error = gl->get_error();
	if (error == GL_NO_ERROR)
		return 0;
	return egl_fail(egl, -EOPNOTSUPP, "target: GL refuses %s of it, error 0x%x",
		kind == GL_TEXTURE_2D ? "a texture" : "an external texture", error);
}

static int make_framebuffer(struct waybuf_egl *egl, struct waybuf_egl_target *target)
{
	const struct gl_functions *gl = &egl->gl;
	gl->gen_framebuffers(1, &target->framebuffer);
	gl->bind_framebuffer(GL_FRAMEBUFFER, target->framebuffer);
	gl->framebuffer_texture(
		GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, target->texture, 0);
	GLenum status = gl->check_framebuffer(GL_FRAMEBUFFER);
	if (status == GL_FRAMEBUFFER_COMPLETE)
		return 0;
	return egl_fail(
		egl, -EOPNOTSUPP, "target: nothing can be drawn into it, status 0x%x", status);
}

int waybuf_egl_target_init(struct waybuf_egl *egl, const struct waybuf_layout *layout,
	uint64_t access, const struct waybuf_egl_image_options *options,
	struct waybuf_egl_target *target)
{
	GLenum texture_target = GL_TEXTURE_2D;
	*target = (struct waybuf_egl_target){0};
	int ret = check(egl, layout, access, &texture_target);
	if (ret == 0)
		ret = waybuf_egl_image_create(egl, layout, options, &target->image);
	if (ret < 0)
		return ret;
	target->texture_target = texture_target;
	target->width = layout->width;
	target->height = layout->height;
	target->generation = layout->generation;
	ret = make_texture(egl, target);
	if (ret == 0 && access & WAYBUF_ACCESS_RENDER)
		ret = make_framebuffer(egl, target);
	if (ret < 0)
		waybuf_egl_target_finish(egl, target);
	return ret;
}

void waybuf_egl_target_finish(struct waybuf_egl *egl, struct waybuf_egl_target *target)
{
	if (target->framebuffer)
		egl->gl.delete_framebuffers(1, &target->framebuffer);
	if (target->texture)
		egl->gl.delete_textures(1, &target->texture);
	waybuf_egl_image_destroy(egl, target->image);
	*target = (struct waybuf_egl_target){0};
}
