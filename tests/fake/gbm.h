/* SPDX-License-Identifier: MIT */
#ifndef FAKE_GBM_H
#define FAKE_GBM_H

#include <gbm.h>
#include <stdbool.h>
#include <stdint.h>

/* Takes the place of libgbm's import, with which the test is linked first. */
#define FAKE_GBM_DEVICE ((struct gbm_device *)0x6b6d)

struct fake_gbm {
	/* told: refuses with this errno, 0 for none, if `refuses` */
	bool refuses;
	int error;
	/* heard */
	uint32_t usage;
	struct gbm_import_fd_modifier_data data;
};

extern struct fake_gbm fake_gbm;

#endif
