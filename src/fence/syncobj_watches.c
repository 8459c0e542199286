/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fence/syncobj_watches.h"

static int make_room(struct syncobj_watches *watches)
{
	size_t wanted = watches->n + watches->n_left + 1;
	if (wanted <= watches->size)
		return 0;
	size_t size = wanted < 8 ? 8 : wanted * 2;
	uint64_t *left = reallocarray(watches->left, size, sizeof(*left));
	if (!left)
		return -ENOMEM;
	watches->left = left;
	watches->size = size;
	return 0;
}

int syncobj_watches_add(struct syncobj_watches *watches)
{
	int ret = make_room(watches);
	if (ret == 0 && watches->payer)
		ret = watches->payer->charge(watches->data);
	if (ret == 0)
		watches->n++;
	return ret;
}

static void discharge(struct syncobj_watches *watches, uint32_t n)
{
	if (watches->payer && n > 0)
		watches->payer->discharge(watches->data, n);
}

void syncobj_watches_end(struct syncobj_watches *watches, uint64_t point, bool ended)
{
	assert(watches->n > 0);
	watches->n--;
	if (ended)
		discharge(watches, 1);
	else
		watches->left[watches->n_left++] = point;
}

void syncobj_watches_reached(struct syncobj_watches *watches, uint64_t point)
{
	size_t n = 0;
	for (size_t i = 0; i < watches->n_left; i++)
		if (watches->left[i] > point)
			watches->left[n++] = watches->left[i];
	discharge(watches, (uint32_t)(watches->n_left - n));
	watches->n_left = n;
}

void syncobj_watches_finish(struct syncobj_watches *watches)
{
	assert(watches->n == 0);
	if (watches->payer)
		watches->payer->leave(watches->data, (uint32_t)watches->n_left);
	free(watches->left);
}
