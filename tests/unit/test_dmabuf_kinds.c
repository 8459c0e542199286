/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>

#include "dmabuf_exporters.h"
#include "dmabuf_kinds.h"
#include "harness.h"

static struct dmabuf_kind make_kind(const char *exporter, uint32_t flags)
{
	struct dmabuf_kind kind = {.format = DRM_FORMAT_XRGB8888, .flags = flags};
	snprintf(kind.exporter, sizeof(kind.exporter), "%s", exporter);
	return kind;
}

TEST(kinds_differ_in_everything)
{
	struct dmabuf_kinds kinds = {0};
	struct dmabuf_kind kind = make_kind("udmabuf", 0);
	ck_assert(!dmabuf_kinds_any(&kinds, &kind));
	dmabuf_kinds_add(&kinds, &kind);
	dmabuf_kinds_add(&kinds, &kind);
	ck_assert_uint_eq(kinds.n, 1);
	ck_assert(dmabuf_kinds_has(&kinds, &kind));
	struct dmabuf_kind other = make_kind("system", 0);
	ck_assert(dmabuf_kinds_any(&kinds, &other));
	ck_assert(!dmabuf_kinds_has(&kinds, &other));
	other = kind;
	other.modifier = 1;
	ck_assert(!dmabuf_kinds_any(&kinds, &other));
	other = kind;
	other.has_device = true;
	ck_assert(!dmabuf_kinds_any(&kinds, &other));
	dmabuf_kinds_add(&kinds, &other);
	other.device = 1;
	ck_assert(!dmabuf_kinds_any(&kinds, &other));
	ck_assert_uint_eq(kinds.n, 2);
}

TEST(forgotten_for_all_devices)
{
	struct dmabuf_kinds kinds = {0};
	struct dmabuf_kind kind = make_kind("udmabuf", 0), other = make_kind("system", 0);
	dmabuf_kinds_add(&kinds, &other);
	dmabuf_kinds_add(&kinds, &kind);
	kind.has_device = true;
	dmabuf_kinds_add(&kinds, &kind);
	ck_assert(dmabuf_kinds_forget(&kinds, &kind));
	ck_assert(!dmabuf_kinds_forget(&kinds, &kind));
	ck_assert_uint_eq(kinds.n, 1);
	ck_assert(dmabuf_kinds_has(&kinds, &other));
}

TEST(the_oldest_goes_first)
{
	struct dmabuf_kinds *kinds = calloc(1, sizeof(*kinds));
	struct dmabuf_kind first = make_kind("udmabuf", 0), second = make_kind("udmabuf", 1);
	for (uint32_t i = 0; i <= DMABUF_MAX_KINDS; i++) {
		struct dmabuf_kind kind = make_kind("udmabuf", i);
		dmabuf_kinds_add(kinds, &kind);
	}
	ck_assert_uint_eq(kinds->n, DMABUF_MAX_KINDS);
	ck_assert(!dmabuf_kinds_has(kinds, &first));
	ck_assert(dmabuf_kinds_has(kinds, &second));
	free(kinds);
}

/* ---- whose a dma-buf is -------------------------------------------------------------------- */

TEST(exporters_by_number)
{
	struct dmabuf_exporters *exporters = calloc(1, sizeof(*exporters));
	char name[FD_EXPORTER_LEN] = "udmabuf";
	struct fd_id id = {.dev = 9}, other = {.dev = 9, .ino = DMABUF_MAX_EXPORTERS};
	ck_assert_ptr_null(dmabuf_exporters_find(exporters, &id));
	dmabuf_exporters_add(exporters, &id, 4096, name);
	const struct dmabuf_exporter *found = dmabuf_exporters_find(exporters, &id);
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->name, "udmabuf");
	ck_assert_uint_eq(found->size, 4096);
	/* the same place */
	ck_assert_ptr_null(dmabuf_exporters_find(exporters, &other));
	dmabuf_exporters_add(exporters, &other, 8192, name);
	ck_assert_ptr_null(dmabuf_exporters_find(exporters, &id));
	free(exporters);
}

TEST_TIMEOUT(60)
TEST_MAIN("dmabuf-kinds")
