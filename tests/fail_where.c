/* SPDX-License-Identifier: MIT */
#include "fail_where.h"

#include <stdatomic.h>

static atomic_bool spared_elsewhere;
static _Thread_local enum { UNSAID, COUNTED, SPARED } here;

void fail_elsewhere(bool may_fail)
{
	atomic_store(&spared_elsewhere, !may_fail);
}

void fail_here(bool may_fail)
{
	here = may_fail ? COUNTED : SPARED;
}

bool fail_counts(void)
{
	return here == COUNTED || (here == UNSAID && !atomic_load(&spared_elsewhere));
}
