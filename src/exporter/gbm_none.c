/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "exporter/exporter.h"

/* In place of gbm.c in a build without it. */
int waybuf_gbm_exporter_create(int drm_fd, struct waybuf_exporter **out)
{
	return -ENODEV;
}
