/* SPDX-License-Identifier: MIT */
#include "egl_priv.h"

#include <errno.h>
#include <string.h>

#ifdef HAVE_GBM
#include <gbm.h>

_Static_assert(GBM_MAX_PLANES >= WAYBUF_MAX_PLANES, "a layout has no more planes than GBM");

static void fill(const struct waybuf_layout *layout, struct gbm_import_fd_modifier_data *data)
{
	*data = (struct gbm_import_fd_modifier_data){
		.width = layout->width,
		.height = layout->height,
		.format = layout->format,
		.modifier = layout->modifier,
		.num_fds = layout->n_planes,
	};
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		const struct waybuf_plane *plane = &layout->planes[i];
		data->fds[i] = layout->memory[plane->slot].fd;
		data->offsets[i] = (int)plane->offset;
		data->strides[i] = (int)plane->stride;
	}
}

/* Drivers refuse with whatever errno they have at hand; these say something else. */
static int errno_of(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE ? -error : -EOPNOTSUPP;
}

static int import(struct waybuf_egl *egl, struct gbm_device *gbm,
	const struct waybuf_layout *layout, uint32_t usage, struct gbm_bo **bo)
{
	struct gbm_import_fd_modifier_data data;
	fill(layout, &data);
	errno = 0;
	*bo = gbm_bo_import(gbm, GBM_BO_IMPORT_FD_MODIFIER, &data, usage);
	if (*bo)
		return 0;
	int error = errno;
	return egl_fail(egl, errno_of(error),
		"gbm: %.4s, modifier 0x%016llx, usage 0x%x: the driver does not take it: %s",
		(const char *)&layout->format, (unsigned long long)layout->modifier, usage,
		error ? strerror(error) : "it does not say why");
}
#else
static int import(struct waybuf_egl *egl, struct gbm_device *gbm,
	const struct waybuf_layout *layout, uint32_t usage, struct gbm_bo **bo)
{
	return egl_fail(egl, -EOPNOTSUPP, "gbm: the library was built without it");
}
#endif

int waybuf_egl_gbm_import(struct waybuf_egl *egl, struct gbm_device *gbm,
	const struct waybuf_layout *layout, uint32_t usage, struct gbm_bo **bo)
{
	*bo = NULL;
	if (!gbm)
		return egl_fail(egl, -EINVAL, "gbm: no device");
	int ret = egl_check_layout(egl, "gbm", layout);
	return ret < 0 ? ret : import(egl, gbm, layout, usage, bo);
}
