/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>

#include "fake/gbm.h"

struct fake_gbm fake_gbm;

struct gbm_bo *gbm_bo_import(struct gbm_device *gbm, uint32_t type, void *buffer, uint32_t usage)
{
	ck_assert_ptr_eq(gbm, FAKE_GBM_DEVICE);
	ck_assert_uint_eq(type, GBM_BO_IMPORT_FD_MODIFIER);
	fake_gbm.usage = usage;
	fake_gbm.data = *(struct gbm_import_fd_modifier_data *)buffer;
	if (!fake_gbm.refuses)
		return (struct gbm_bo *)&fake_gbm;
	errno = fake_gbm.error;
	return NULL;
}
