/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "exporter/exporter.h"
#include "fake/udmabuf.h"
#include "util/fd.h"

struct fake_udmabuf fake_udmabuf;

/* Its memory is for those who bring their own. */
static int allocate(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return -ENOMEM;
}

static int wrap(struct waybuf_exporter *exporter, int memfd, uint64_t size)
{
	struct stat st;
	int seals = fcntl(memfd, F_GET_SEALS);
	fake_udmabuf.wraps++;
	fake_udmabuf.size = size;
	ck_assert_uint_eq(size % FAKE_UDMABUF_PAGE, 0);
	ck_assert_uint_le(size, FAKE_UDMABUF_LIMIT);
	ck_assert_int_eq(fstat(memfd, &st), 0);
	ck_assert_uint_lt(size, (uint64_t)st.st_size + FAKE_UDMABUF_PAGE);
	/* memfd_pin_folios() wants all of each page */
	if (!(seals & F_SEAL_SHRINK) || (seals & F_SEAL_WRITE) || size > (uint64_t)st.st_size)
		return -EINVAL;
	return fake_udmabuf.error ? fake_udmabuf.error : fd_dup(memfd);
}

static void destroy(struct waybuf_exporter *exporter)
{
	free(exporter);
}

void fake_udmabuf_add(struct waybuf_manager *manager)
{
	static const struct waybuf_exporter_ops ops = {
		.allocate = allocate,
		.release = exporter_release_nothing,
		.destroy = destroy,
		.wrap = wrap,
	};
	if (fake_udmabuf.absent)
		return;
	struct waybuf_exporter *exporter = calloc(1, sizeof(*exporter));
	ck_assert_ptr_nonnull(exporter);
	exporter->ops = &ops;
	exporter->caps = (struct waybuf_exporter_caps){
		.name = "udmabuf",
		.kind = WAYBUF_EXPORTER_RAW,
		.is_dmabuf = true,
		.max_size = FAKE_UDMABUF_LIMIT,
		.page_size = FAKE_UDMABUF_PAGE,
	};
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, exporter), 0);
}
