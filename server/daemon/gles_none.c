/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gles.h"

/* Built without EGL. */

int gles_create(struct waybuf_gpu *gpu, struct waybuf_loop *loop, struct waybuf_worker *worker,
	struct renderer **out, const char **why)
{
	(void)gpu;
	(void)loop;
	(void)worker;
	(void)out;
	*why = "waybufd was built without EGL";
	return -EOPNOTSUPP;
}

bool gles_takes_target(struct renderer *renderer, const struct waybuf_layout *layout)
{
	(void)renderer;
	(void)layout;
	return false;
}
