/* SPDX-License-Identifier: MIT */
#include "colours.h"

#include "color-representation-v1-client-protocol.h"

#define COEFFICIENTS(name) WP_COLOR_REPRESENTATION_SURFACE_V1_COEFFICIENTS_##name
#define RANGE(name) WP_COLOR_REPRESENTATION_SURFACE_V1_RANGE_##name
#define LOCATION(name) WP_COLOR_REPRESENTATION_SURFACE_V1_CHROMA_LOCATION_##name

/* Nobody can be told of it. */
#define UNKNOWN UINT32_MAX

static uint32_t coefficients_of(GstVideoColorMatrix matrix)
{
	switch (matrix) {
	case GST_VIDEO_COLOR_MATRIX_BT601:
	/* libgstvideo says so of caps without colorimetry in sizes below HD only */
	case GST_VIDEO_COLOR_MATRIX_UNKNOWN:
		return COEFFICIENTS(BT601);
	case GST_VIDEO_COLOR_MATRIX_BT709:
		return COEFFICIENTS(BT709);
	case GST_VIDEO_COLOR_MATRIX_FCC:
		return COEFFICIENTS(FCC);
	case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
		return COEFFICIENTS(SMPTE240);
	case GST_VIDEO_COLOR_MATRIX_BT2020:
		return COEFFICIENTS(BT2020);
	default:
		return UNKNOWN;
	}
}

/* H.273's types, which only 4:2:0 has. */
static uint32_t location_of(const GstVideoInfo *info)
{
	const GstVideoChromaSite site = GST_VIDEO_INFO_CHROMA_SITE(info);
	if (info->finfo->w_sub[1] != 1 || info->finfo->h_sub[1] != 1)
		return 0;
	if (site == GST_VIDEO_CHROMA_SITE_MPEG2)
		return LOCATION(TYPE_0);
	if (site == GST_VIDEO_CHROMA_SITE_JPEG)
		return LOCATION(TYPE_1);
	if (site == GST_VIDEO_CHROMA_SITE_COSITED)
		return LOCATION(TYPE_2);
	return site == GST_VIDEO_CHROMA_SITE_V_COSITED ? LOCATION(TYPE_3) : 0;
}

struct coding coding_of(const GstVideoInfo *info)
{
	if (!GST_VIDEO_INFO_IS_YUV(info))
		return (struct coding){0};
	const GstVideoColorimetry *colours = &GST_VIDEO_INFO_COLORIMETRY(info);
	bool full = colours->range == GST_VIDEO_COLOR_RANGE_0_255;
	return (struct coding){
		.coefficients = coefficients_of(colours->matrix),
		.range = full ? RANGE(FULL) : RANGE(LIMITED),
		.location = location_of(info),
	};
}

bool coding_equal(const struct coding *a, const struct coding *b)
{
	return a->coefficients == b->coefficients && a->range == b->range &&
		a->location == b->location;
}

static bool is_supported(const struct coding *coding, const struct globals *globals)
{
	return coding->coefficients < 32 &&
		globals->coefficients[coding->range] & UINT32_C(1) << coding->coefficients;
}

const char *coding_refusal(const struct coding *coding, const struct globals *globals)
{
	bool is_default =
		coding->coefficients == COEFFICIENTS(BT601) && coding->range == RANGE(LIMITED);
	if (coding->coefficients == 0 || is_default || is_supported(coding, globals))
		return NULL;
	return globals->colours ? "the compositor does not take its colours"
				: "the compositor cannot be told of its colours";
}

void coding_tell(const struct coding *coding, const struct globals *globals,
	struct wl_surface *surface, struct wp_color_representation_surface_v1 **told)
{
	if (*told)
		wp_color_representation_surface_v1_destroy(*told);
	*told = NULL;
	if (!globals->colours || coding->coefficients == 0)
		return;
	*told = wp_color_representation_manager_v1_get_surface(globals->colours, surface);
	if (is_supported(coding, globals))
		wp_color_representation_surface_v1_set_coefficients_and_range(
			*told, coding->coefficients, coding->range);
	if (coding->location)
		wp_color_representation_surface_v1_set_chroma_location(*told, coding->location);
}
