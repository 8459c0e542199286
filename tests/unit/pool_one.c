/* SPDX-License-Identifier: MIT */
#include "pool_one.h"

#include <drm_fourcc.h>

void one_init(struct one *o, struct waybuf_account *account)
{
	struct waybuf_export_info info = {.width = 64, .height = 64, .count = 1, .name = "test"};
	ck_assert_int_eq(
		waybuf_pool_create(o->f.manager, account ? account : o->f.account, &info, &o->pool),
		0);
	party_attach(&o->party, o->pool, o->f.account, "a");
	party_commit(&o->party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&o->seat, &o->party, 0);
}

void one_finish(struct one *o)
{
	seat_close(&o->seat);
	party_detach(&o->party);
	waybuf_pool_unref(o->pool);
	fixture_finish(&o->f);
}
