/* SPDX-License-Identifier: MIT */
#include "colours.h"

#include <stdio.h>
#include <string.h>

#include <libavutil/pixdesc.h>

#include "color-representation-v1-client-protocol.h"

#define COEFFICIENTS(name) WP_COLOR_REPRESENTATION_SURFACE_V1_COEFFICIENTS_##name
#define RANGE(name) WP_COLOR_REPRESENTATION_SURFACE_V1_RANGE_##name

/* ---- frames -------------------------------------------------------------------------------- */

/* Files say how their colours are coded; where one does not, its size tells (BT.709 from HD on). */
int colours_space(const AVFrame *frame)
{
	if (frame->colorspace != AVCOL_SPC_UNSPECIFIED)
		return (int)frame->colorspace;
	return frame->height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

/* The formats of JPEG say so in their names. */
bool colours_full(const AVFrame *frame)
{
	return frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P ||
		frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P;
}

static const struct {
	int space; /* AVCOL_SPC_* */
	uint32_t coefficients;
	const char *name;
} matrices[] = {
	{AVCOL_SPC_SMPTE170M, COEFFICIENTS(BT601), "BT.601"},
	{AVCOL_SPC_BT470BG, COEFFICIENTS(BT601), "BT.601"},
	{AVCOL_SPC_BT709, COEFFICIENTS(BT709), "BT.709"},
	{AVCOL_SPC_FCC, COEFFICIENTS(FCC), "FCC"},
	{AVCOL_SPC_SMPTE240M, COEFFICIENTS(SMPTE240), "SMPTE 240M"},
	{AVCOL_SPC_BT2020_NCL, COEFFICIENTS(BT2020), "BT.2020"},
};

#define N_MATRICES (sizeof(matrices) / sizeof(matrices[0]))

/* The entry of a matrix; N_MATRICES: there is none. */
static size_t find_matrix(int space)
{
	size_t i = 0;
	while (i < N_MATRICES && matrices[i].space != space)
		i++;
	return i;
}

/* FFmpeg numbers H.273's types as the protocol does, from 1. Only 4:2:0 has them. */
static uint32_t find_location(const AVFrame *frame)
{
	const AVPixFmtDescriptor *info = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
	if (!info || info->log2_chroma_w != 1 || info->log2_chroma_h != 1)
		return 0;
	return frame->chroma_location > AVCHROMA_LOC_BOTTOM ? 0 : (uint32_t)frame->chroma_location;
}

static struct colours_coding coding_of(const AVFrame *frame)
{
	size_t matrix = find_matrix(colours_space(frame));
	return (struct colours_coding){
		.coefficients = matrix < N_MATRICES ? matrices[matrix].coefficients : 0,
		.range = colours_full(frame) ? RANGE(FULL) : RANGE(LIMITED),
		.location = find_location(frame),
	};
}

/* ---- what the compositor supports ---------------------------------------------------------- */

static void handle_alpha_mode(
	void *data, struct wp_color_representation_manager_v1 *manager, uint32_t mode)
{
	/* Films are opaque. */
}

static void handle_pair(void *data, struct wp_color_representation_manager_v1 *manager,
	uint32_t coefficients, uint32_t range)
{
	struct colours *colours = data;
	if (coefficients < 32 && range <= RANGE(LIMITED))
		colours->supported[range] |= UINT32_C(1) << coefficients;
}

static void handle_done(void *data, struct wp_color_representation_manager_v1 *manager)
{
	/* They are all here after the round trip that is made in any case. */
}

static const struct wp_color_representation_manager_v1_listener manager_listener = {
	.supported_alpha_mode = handle_alpha_mode,
	.supported_coefficients_and_ranges = handle_pair,
	.done = handle_done,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct colours *colours = data;
	if (strcmp(interface, wp_color_representation_manager_v1_interface.name) != 0)
		return;
	colours->manager =
		wl_registry_bind(registry, name, &wp_color_representation_manager_v1_interface, 1);
	wp_color_representation_manager_v1_add_listener(
		colours->manager, &manager_listener, colours);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* It never goes away, its description says. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

bool colours_init(struct colours *colours, struct window *window)
{
	*colours = (struct colours){.registry = wl_display_get_registry(window->display)};
	wl_registry_add_listener(colours->registry, &registry_listener, colours);
	if (window_sync(window) && (!colours->manager || window_sync(window)))
		return true;
	fprintf(stderr, "player: the Wayland server does not say which colours it takes\n");
	return false;
}

static void untell(struct colours *colours)
{
	if (colours->surface)
		wp_color_representation_surface_v1_destroy(colours->surface);
	colours->surface = NULL;
	colours->told = (struct colours_coding){0};
}

void colours_finish(struct colours *colours)
{
	untell(colours);
	if (colours->manager)
		wp_color_representation_manager_v1_destroy(colours->manager);
	if (colours->registry)
		wl_registry_destroy(colours->registry);
	*colours = (struct colours){0};
}

/* ---- what it is told ----------------------------------------------------------------------- */

static bool is_supported(const struct colours *colours, const struct colours_coding *coding)
{
	return colours->supported[coding->range] & UINT32_C(1) << coding->coefficients;
}

static bool is_default(const struct colours_coding *coding)
{
	return coding->coefficients == COEFFICIENTS(BT601) && coding->range == RANGE(LIMITED);
}

const char *colours_refusal(const struct colours *colours, const AVFrame *frame)
{
	static char text[128];
	const struct colours_coding coding = coding_of(frame);
	if (!coding.coefficients)
		return "nobody can be told how its colours are coded";
	if (is_default(&coding) || is_supported(colours, &coding))
		return NULL;
	snprintf(text, sizeof(text), "its colours are %s in %s range, %s",
		matrices[find_matrix(colours_space(frame))].name,
		coding.range == RANGE(FULL) ? "full" : "limited",
		colours->manager ? "which the compositor does not take"
				 : "of which the compositor cannot be told");
	return text;
}

/* All of it is unset with the object, and nothing by itself. */
void colours_tell(struct colours *colours, struct wl_surface *surface, const AVFrame *frame)
{
	struct colours_coding coding = {0};
	if (frame)
		coding = coding_of(frame);
	if (!colours->manager || memcmp(&coding, &colours->told, sizeof(coding)) == 0)
		return;
	untell(colours);
	if (!frame)
		return;
	colours->surface =
		wp_color_representation_manager_v1_get_surface(colours->manager, surface);
	if (is_supported(colours, &coding))
		wp_color_representation_surface_v1_set_coefficients_and_range(
			colours->surface, coding.coefficients, coding.range);
	if (coding.location)
		wp_color_representation_surface_v1_set_chroma_location(
			colours->surface, coding.location);
	colours->told = coding;
}
