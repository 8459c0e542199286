/* SPDX-License-Identifier: MIT */
#include "constraints/negotiate.h"

#include <errno.h>
#include <stdlib.h>

#include "constraints/solve.h"

static int solve(
	struct waybuf_ordered *ordered, struct waybuf_cache *cache, struct waybuf_result *result)
{
	if (cache && waybuf_cache_get(cache, ordered, result))
		return 0;
	int ret = waybuf_search(ordered, result);
	if (ret < 0)
		return ret;
	bool timed_out = ordered->work.spent == -ETIMEDOUT;
	if (result->reason == WAYBUF_REASON_CONFLICT)
		ret = waybuf_find_conflict(ordered, result);
	timed_out = timed_out || ordered->work.spent == -ETIMEDOUT;
	/* another time the clock might allow more */
	if (ret == 0 && cache && !timed_out)
		waybuf_cache_put(cache, ordered, result);
	return ret;
}

static int answer(struct waybuf_ordered *ordered, struct waybuf_cache *cache,
	struct waybuf_solution *solution, const struct waybuf_explanation **explanation)
{
	/* 8 KiB, too much for the stack of somebody's callback */
	struct waybuf_result *result = calloc(1, sizeof(*result));
	if (!result)
		return -ENOMEM;
	int ret = solve(ordered, cache, result);
	if (ret < 0)
		goto out;
	ret = result->status;
	if (ret == 0)
		*solution = result->solution;
	if (explanation) {
		*explanation = waybuf_explanation_create(ordered, result);
		if (!*explanation)
			ret = -ENOMEM;
	}
out:
	free(result);
	return ret;
}

/* Too many to even look at: refused like a search that takes too long. */
static int refuse_size(
	struct waybuf_ordered *ordered, const struct waybuf_explanation **explanation)
{
	struct waybuf_request none = {.n_parties = 0};
	struct waybuf_result *result = calloc(1, sizeof(*result));
	if (!result)
		return -ENOMEM;
	result->reason = WAYBUF_REASON_TOO_HARD;
	ordered->request = &none;
	*explanation = waybuf_explanation_create(ordered, result);
	free(result);
	return *explanation ? -E2BIG : -ENOMEM;
}

int waybuf_negotiate(const struct waybuf_request *request, struct waybuf_cache *cache,
	struct waybuf_solution *solution, const struct waybuf_explanation **explanation)
{
	struct waybuf_ordered ordered;
	int ret = waybuf_ordered_init(&ordered, request);
	if (ret == 0)
		ret = answer(&ordered, cache, solution, explanation);
	else if (ret == -E2BIG && explanation)
		ret = refuse_size(&ordered, explanation);
	waybuf_ordered_finish(&ordered);
	return ret;
}

enum waybuf_reason waybuf_negotiate_reason(int error)
{
	switch (error) {
	case 0:
		return WAYBUF_REASON_NONE;
	case -EOPNOTSUPP:
		return WAYBUF_REASON_CONFLICT;
	case -ENODATA:
		return WAYBUF_REASON_UNDERSPECIFIED;
	case -E2BIG:
	case -ETIMEDOUT:
		return WAYBUF_REASON_TOO_HARD;
	case -EPROTONOSUPPORT:
		return WAYBUF_REASON_CRITICAL_UNKNOWN;
	case -ENOMEM:
		return WAYBUF_REASON_NO_MEMORY;
	}
	return WAYBUF_REASON_UNSUPPORTED;
}
