/* SPDX-License-Identifier: MIT */
#ifndef GPU_EXTENSION_H
#define GPU_EXTENSION_H

#include <stdbool.h>
#include <string.h>

/* Whether a list of EGL's or GL's has @name; names begin with others' names. NULL: no list. */
static inline bool gpu_has_extension(const char *extensions, const char *name)
{
	size_t length = strlen(name);
	for (const char *at = extensions; at && (at = strstr(at, name)); at += length) {
		bool starts = at == extensions || at[-1] == ' ';
		if (starts && (at[length] == ' ' || at[length] == '\0'))
			return true;
	}
	return false;
}

#endif
