/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * A preload for mutter on a machine without a GPU. It offers linux-drm-syncobj-v1 on the DRM node that
 * EGL names for its device, and Mesa's software renderer names none, though a timeline needs none of
 * its own. This gives the node in EGL_NODE as the answer, and changes nothing else.
 */

#define DRM_DEVICE_FILE 0x3233
#define DRM_RENDER_NODE_FILE 0x3377

typedef void (*function_t)(void);
typedef const char *(*query_t)(void *device, int name);

static query_t next_query;

static const char *query_device_string(void *device, int name)
{
	const char *text = next_query(device, name);
	if (!text && (name == DRM_DEVICE_FILE || name == DRM_RENDER_NODE_FILE))
		text = getenv("EGL_NODE");
	return text;
}

__attribute__((visibility("default"))) function_t eglGetProcAddress(const char *name);

function_t eglGetProcAddress(const char *name)
{
	static function_t (*next)(const char *name);
	/* libEGL may be loaded by a library that keeps it to itself */
	void *library = next ? NULL : dlopen("libEGL.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!next && library)
		*(void **)&next = dlsym(library, "eglGetProcAddress");
	function_t function = next ? next(name) : NULL;
	if (!function || strcmp(name, "eglQueryDeviceStringEXT") != 0)
		return function;
	next_query = (query_t)function;
	return (function_t)query_device_string;
}
