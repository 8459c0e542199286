/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_EGL_H
#define TESTS_FAKE_EGL_H

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>
#include <stdbool.h>

/*
 * An EGL and a GL that are linked in place of the real ones: they have the extensions that a test
 * gives them, and fail where it says. They judge as well: whoever calls GL without a context, uses
 * an image, a sync or a name of GL's that is not alive, or a function of an extension that is not
 * there, aborts the test.
 */
struct fake_egl {
	/* of the display; NULL: it is not initialised */
	const char *extensions;
	const char *client_extensions, *device_extensions, *node;
	const char *driver; /* of EGL_MESA_query_driver */
	/* eglGetProcAddress() does not have it; NULL: it has all */
	const char *missing;
	/* what is current; EGL_NO_DISPLAY: nothing */
	EGLDisplay current;

	/* XR24 with two modifiers, NV12 with one that is external, and R8 with none */
	bool lists_fail;
	/* EGL's error of the next image or sync; 0: it succeeds */
	EGLint image_error, native_error, fence_error;
	/* what it was made of */
	EGLint attribs[64];
	/* of glEGLImageTargetTexture2DOES(), and of the framebuffer; 0: success */
	GLenum texture_error, framebuffer_status;
	/* what a sync_file is a duplicate of; -1: there is none */
	int fence;
	/* the fd that EGL was given, and closes; -1: none */
	int given;
	/* of the next waits; 0: success */
	EGLint client_wait, wait;
	EGLTimeKHR timeout;

	/* what is alive */
	int images, textures, framebuffers, syncs;
	int flushes;
	GLenum bound; /* the target of the last texture */
};

extern struct fake_egl fake_egl;

#define FAKE_DISPLAY ((EGLDisplay) & fake_egl)

/* With all extensions, and its context current. */
void fake_egl_init(void);
/* Aborts if something is left alive. */
void fake_egl_finish(void);
/* The value of an attribute of the last image; -1: it has none. */
EGLint fake_egl_attrib(EGLint name);

#endif
