/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdbool.h>

#include "kms/route.h"

#define NOBODY UINT32_MAX

struct search {
	const uint32_t *possible;
	uint32_t owners[WAYBUF_KMS_MOST_ROUTES]; /* of CRTCs, as connectors, or NOBODY */
	uint32_t seen; /* CRTCs that this search has tried */
};

/* Gives @connector a CRTC, if need be one whose owner finds another. As deep as there are CRTCs. */
static bool augment(struct search *search, uint32_t connector)
{
	for (uint32_t crtc = 0; crtc < WAYBUF_KMS_MOST_ROUTES; crtc++) {
		uint32_t bit = UINT32_C(1) << crtc;
		if (!(search->possible[connector] & bit) || (search->seen & bit))
			continue;
		search->seen |= bit;
		if (search->owners[crtc] != NOBODY && !augment(search, search->owners[crtc]))
			continue;
		search->owners[crtc] = connector;
		return true;
	}
	return false;
}

size_t waybuf_kms_route(const uint32_t possible[], size_t n, uint32_t taken, uint32_t crtcs[])
{
	struct search search = {.possible = possible};
	size_t found = 0;
	assert(n <= WAYBUF_KMS_MOST_ROUTES);
	for (uint32_t i = 0; i < WAYBUF_KMS_MOST_ROUTES; i++)
		search.owners[i] = NOBODY;
	for (uint32_t i = 0; i < n; i++) {
		search.seen = taken;
		found += augment(&search, i);
		crtcs[i] = WAYBUF_KMS_NO_ROUTE;
	}
	for (uint32_t i = 0; i < WAYBUF_KMS_MOST_ROUTES; i++)
		if (search.owners[i] != NOBODY)
			crtcs[search.owners[i]] = i;
	return found;
}
