/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <gst/allocators/gstdmabuf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client_fixture.h"
#include "connection.h"
#include "imports.h"

/* Dma-bufs of others on a compositor that takes or refuses them: how often it is asked. */
static struct fixture fixture;
static struct connection connection;
static struct imports imports;
static GstAllocator *allocator;

/* Nobody else is in the connection here. */
void connection_discard(struct connection *of, void *object)
{
	if (object)
		gst_mini_object_unref(object);
}

static void begin_at(uint32_t dmabuf_version, bool refuses)
{
	gst_init(NULL, NULL);
	fake_init(&fixture.server);
	fixture.server.has_dmabuf = true;
	fixture.server.dmabuf_version = dmabuf_version;
	fixture.server.refuses_imports = refuses;
	fixture_start(&fixture);
	connection = (struct connection){.client = fixture.client};
	imports = (struct imports){.connection = &connection};
	allocator = gst_dmabuf_allocator_new();
}

static void begin(bool refuses)
{
	begin_at(3, refuses);
}

static void end(void)
{
	imports_finish(&imports);
	gst_object_unref(allocator);
	fixture_finish(&fixture);
	gst_deinit();
}

static GstBuffer *make_buffer(void)
{
	int fd = memfd_create("memory of others", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	GstBuffer *buffer = gst_buffer_new();
	gst_buffer_append_memory(buffer, gst_dmabuf_allocator_alloc(allocator, fd, 8192));
	return buffer;
}

static int find(GstBuffer *buffer, guint width, uint64_t modifier, const char **why)
{
	GstVideoInfo info;
	struct import *found = NULL;
	gst_video_info_set_format(&info, GST_VIDEO_FORMAT_BGRx, width, 32);
	return imports_find(&imports, buffer, &info, DRM_FORMAT_XRGB8888, modifier, &found, why);
}

static bool was_asked(void)
{
	return strstr(fixture_heard(&fixture), "import");
}

TEST(known_after_the_first_frame)
{
	const char *why = NULL;
	begin(false);
	GstBuffer *buffer = make_buffer();
	fixture_heard(&fixture);
	ck_assert_int_eq(find(buffer, 64, DRM_FORMAT_MOD_LINEAR, &why), 0);
	ck_assert(was_asked());
	ck_assert_int_eq(find(buffer, 64, DRM_FORMAT_MOD_LINEAR, &why), 0);
	ck_assert(!was_asked());
	gst_buffer_unref(buffer);
	end();
}

/* Each question waits for its answer, and the film with it. */
TEST(refused_once_for_all_like_it)
{
	const char *why = NULL;
	begin(true);
	GstBuffer *first = make_buffer(), *second = make_buffer();
	fixture_heard(&fixture);
	ck_assert_int_eq(find(first, 64, DRM_FORMAT_MOD_LINEAR, &why), -EOPNOTSUPP);
	ck_assert(was_asked());
	ck_assert_int_eq(find(second, 64, DRM_FORMAT_MOD_LINEAR, &why), -EOPNOTSUPP);
	ck_assert(!was_asked());
	ck_assert_ptr_nonnull(strstr(why, "does not import memory of others"));
	/* others may be taken */
	ck_assert_int_eq(find(first, 32, DRM_FORMAT_MOD_LINEAR, &why), -EOPNOTSUPP);
	ck_assert(was_asked());
	ck_assert_int_eq(find(first, 64, I915_FORMAT_MOD_X_TILED, &why), -EOPNOTSUPP);
	ck_assert(was_asked());
	/* and in the next window all */
	imports_finish(&imports);
	ck_assert_int_eq(find(first, 64, DRM_FORMAT_MOD_LINEAR, &why), -EOPNOTSUPP);
	ck_assert(was_asked());
	gst_buffer_unref(first);
	gst_buffer_unref(second);
	end();
}

/* Where to ask for what is not listed ends the connection, which is the window's. */
TEST(not_listed)
{
	const char *why = NULL;
	begin_at(4, false);
	GstBuffer *buffer = make_buffer();
	fixture_heard(&fixture);
	ck_assert_int_eq(find(buffer, 64, I915_FORMAT_MOD_X_TILED, &why), -EOPNOTSUPP);
	ck_assert(!was_asked());
	ck_assert_ptr_nonnull(strstr(why, "does not list XR24 0x0100000000000001"));
	ck_assert_int_eq(find(buffer, 64, DRM_FORMAT_MOD_LINEAR, &why), 0);
	ck_assert(was_asked());
	gst_buffer_unref(buffer);
	end();
}

TEST(no_dmabuf)
{
	const char *why = NULL;
	begin(false);
	GstBuffer *buffer = gst_buffer_new_allocate(NULL, 8192, NULL);
	ck_assert_int_eq(find(buffer, 64, DRM_FORMAT_MOD_LINEAR, &why), -EMEDIUMTYPE);
	ck_assert_ptr_nonnull(strstr(why, "another element"));
	gst_buffer_unref(buffer);
	end();
}

TEST_TIMEOUT(30)
TEST_MAIN("gst-imports")
