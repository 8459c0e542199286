/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <drm_mode.h>

#include "harness.h"
#include "kms/formats.h"

struct blob {
	struct drm_format_modifier_blob header;
	uint32_t formats[70];
	struct drm_format_modifier modifiers[3];
};

static struct blob make_blob(void)
{
	struct blob blob = {
		.header = {.version = FORMAT_BLOB_CURRENT,
			.count_formats = 70,
			.formats_offset = offsetof(struct blob, formats),
			.count_modifiers = 3,
			.modifiers_offset = offsetof(struct blob, modifiers)},
		.modifiers = {{.formats = 0x3, .modifier = DRM_FORMAT_MOD_LINEAR},
			{.formats = 0x1, .modifier = I915_FORMAT_MOD_X_TILED},
			/* the formats from 64 on */
			{.formats = UINT64_MAX, .offset = 64, .modifier = DRM_FORMAT_MOD_LINEAR}},
	};
	for (uint32_t i = 0; i < 70; i++)
		blob.formats[i] = 1000 + i;
	return blob;
}

TEST(blob_gives_the_pairs_of_its_masks)
{
	struct waybuf_kms_formats formats;
	struct blob blob = make_blob();
	ck_assert_int_eq(waybuf_kms_formats_parse(&formats, &blob, sizeof(blob)), 0);
	ck_assert_uint_eq(formats.n, 2 + 1 + 6);
	ck_assert(!formats.implicit);
	ck_assert(waybuf_kms_formats_have(&formats, 1000, DRM_FORMAT_MOD_LINEAR));
	ck_assert(waybuf_kms_formats_have(&formats, 1001, DRM_FORMAT_MOD_LINEAR));
	ck_assert(waybuf_kms_formats_have(&formats, 1000, I915_FORMAT_MOD_X_TILED));
	ck_assert(!waybuf_kms_formats_have(&formats, 1001, I915_FORMAT_MOD_X_TILED));
	ck_assert(!waybuf_kms_formats_have(&formats, 1002, DRM_FORMAT_MOD_LINEAR));
	ck_assert(waybuf_kms_formats_have(&formats, 1069, DRM_FORMAT_MOD_LINEAR));
	ck_assert(waybuf_kms_formats_have(&formats, 1069, DRM_FORMAT_MOD_INVALID));
	ck_assert(!waybuf_kms_formats_have(&formats, 1002, DRM_FORMAT_MOD_INVALID));
	waybuf_kms_formats_finish(&formats);
	ck_assert_uint_eq(formats.n, 0);
}

TEST(plain_list_is_linear_and_implicit)
{
	struct waybuf_kms_formats formats;
	const uint32_t list[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12};
	ck_assert_int_eq(waybuf_kms_formats_from_list(&formats, list, 2), 0);
	ck_assert(formats.implicit);
	ck_assert(waybuf_kms_formats_have(&formats, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR));
	waybuf_kms_formats_finish(&formats);
	ck_assert_int_eq(waybuf_kms_formats_from_list(&formats, NULL, 0), 0);
	ck_assert_uint_eq(formats.n, 0);
	waybuf_kms_formats_finish(&formats);
}

static void expect_malformed(const struct blob *blob, size_t size)
{
	struct waybuf_kms_formats formats;
	ck_assert_int_eq(waybuf_kms_formats_parse(&formats, blob, size), -EINVAL);
}

TEST(blobs_that_do_not_hold_together_are_refused)
{
	struct blob good = make_blob(), bad = good;
	expect_malformed(&good, 0);
	expect_malformed(&good, sizeof(good.header) - 1);
	expect_malformed(&good, sizeof(good) - 1);
	bad.header.version = 0;
	expect_malformed(&bad, sizeof(bad));
	bad = good;
	bad.header.count_formats = UINT32_MAX;
	expect_malformed(&bad, sizeof(bad));
	bad = good;
	bad.header.formats_offset = UINT32_MAX - 3;
	expect_malformed(&bad, sizeof(bad));
	bad = good;
	bad.header.count_modifiers = UINT32_MAX;
	expect_malformed(&bad, sizeof(bad));
	bad = good;
	bad.header.modifiers_offset = sizeof(bad);
	expect_malformed(&bad, sizeof(bad));
}

/* Under AddressSanitizer: whatever a driver says, nothing beyond the blob is read. */
TEST(random_blobs_are_read_within_their_bounds)
{
	uint64_t seed = harness_seed();
	for (int round = 0; round < 20000; round++) {
		struct blob blob = make_blob();
		size_t size = harness_random(&seed) % (sizeof(blob) + 1);
		uint8_t *copy = malloc(size ? size : 1);
		ck_assert_ptr_nonnull(copy);
		for (int i = 0; i < 4; i++)
			((uint8_t *)&blob)[harness_random(&seed) % 64] =
				(uint8_t)harness_random(&seed);
		memcpy(copy, &blob, size);
		struct waybuf_kms_formats formats;
		if (waybuf_kms_formats_parse(&formats, copy, size) == 0)
			waybuf_kms_formats_finish(&formats);
		free(copy);
	}
}

TEST_MAIN("kms-formats")
