/* SPDX-License-Identifier: MIT */
#ifndef EGL_PRIV_H
#define EGL_PRIV_H

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>
#include <stdbool.h>

#include <waybuf/egl.h>

/*
 * Shared by the files of this folder. Functions are had by name, those of GL as well: the library
 * is linked with neither of the APIs whose context may be current. NULL: the display has not what
 * they are for.
 */
struct egl_functions {
	PFNEGLCREATEIMAGEKHRPROC create_image;
	PFNEGLDESTROYIMAGEKHRPROC destroy_image;
	PFNEGLQUERYDMABUFFORMATSEXTPROC query_formats;
	PFNEGLQUERYDMABUFMODIFIERSEXTPROC query_modifiers;
	PFNEGLCREATESYNCKHRPROC create_sync;
	PFNEGLDESTROYSYNCKHRPROC destroy_sync;
	PFNEGLCLIENTWAITSYNCKHRPROC client_wait_sync;
	PFNEGLWAITSYNCKHRPROC wait_sync;
	PFNEGLDUPNATIVEFENCEFDANDROIDPROC dup_fence;
	PFNEGLQUERYDISPLAYATTRIBEXTPROC query_display;
	PFNEGLQUERYDEVICESTRINGEXTPROC query_device;
};

struct gl_functions {
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC image_target_texture;
	PFNGLGETERRORPROC get_error;
	PFNGLFLUSHPROC flush;
	PFNGLGENTEXTURESPROC gen_textures;
	PFNGLDELETETEXTURESPROC delete_textures;
	PFNGLBINDTEXTUREPROC bind_texture;
	PFNGLTEXPARAMETERIPROC tex_parameter;
	PFNGLGENFRAMEBUFFERSPROC gen_framebuffers;
	PFNGLDELETEFRAMEBUFFERSPROC delete_framebuffers;
	PFNGLBINDFRAMEBUFFERPROC bind_framebuffer;
	PFNGLFRAMEBUFFERTEXTURE2DPROC framebuffer_texture;
	PFNGLCHECKFRAMEBUFFERSTATUSPROC check_framebuffer;
};

struct waybuf_egl {
	EGLDisplay display;
	uint32_t features;
	struct egl_functions egl;
	struct gl_functions gl;
	char node[64]; /* "": none */
	bool software; /* the CPU renders, see gpu/software.h */
	char error[256];
};

/* Sets the text, unless @egl is NULL, and returns @error. */
int egl_fail(struct waybuf_egl *egl, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* EGL's last error as an errno, with a text that begins with @what. */
int egl_fail_call(struct waybuf_egl *egl, const char *what);

/* 0; -EINVAL: an image that its importers could not tell from another one. */
int egl_check_layout(struct waybuf_egl *egl, const char *what, const struct waybuf_layout *layout);

/* 0; -EINVAL: no context of the display is current. */
int egl_check_context(struct waybuf_egl *egl, const char *what);

/* More than any driver has of one format. */
#define EGL_MAX_MODIFIERS 128

/* One format of the display. */
struct egl_modifiers {
	uint32_t format;
	EGLint n;
	EGLuint64KHR modifiers[EGL_MAX_MODIFIERS];
	EGLBoolean external[EGL_MAX_MODIFIERS];
};

/* With WAYBUF_EGL_MODIFIERS only. False: it does not know the format. */
bool egl_get_modifiers(struct waybuf_egl *egl, uint32_t format, struct egl_modifiers *out);

#endif
