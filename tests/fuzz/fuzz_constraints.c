/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "constraints/negotiate.h"
#include "fuzz.h"
#include "set_table.h"

/*
 * The records of up to four participants, as bytes of a peer or as calls of a builder, and the
 * choice of a storage that meets all of them. What must hold besides "does not crash": a set has
 * the bytes that it was made of, and a solution passes the check of layouts.
 */
#define MAX_SETS 4

/* ---- numbers that are worth trying --------------------------------------------------------- */

static uint64_t pick_number(struct fuzz_input *input)
{
	static const uint64_t numbers[] = {0, 1, 2, 3, 4, 7, 16, 64, 255, 256, 4096, 65536,
		UINT32_MAX, 1ull << 32, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
	uint8_t how = fuzz_u8(input);
	size_t n = sizeof(numbers) / sizeof(numbers[0]);
	return how < n ? numbers[how] : how == 255 ? fuzz_u64(input) : how - n;
}

static uint32_t pick_format(struct fuzz_input *input)
{
	static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888,
		DRM_FORMAT_NV12, DRM_FORMAT_YUV420, DRM_FORMAT_R8, DRM_FORMAT_P010, 0, 0x20202020};
	uint8_t how = fuzz_u8(input);
	return how == 255 ? fuzz_u32(input) : formats[how % 8];
}

static uint64_t pick_modifier(struct fuzz_input *input)
{
	static const uint64_t modifiers[] = {DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_MOD_INVALID,
		I915_FORMAT_MOD_X_TILED, I915_FORMAT_MOD_Y_TILED};
	uint8_t how = fuzz_u8(input);
	return how == 255 ? fuzz_u64(input) : modifiers[how % 4];
}

/* ---- sets ---------------------------------------------------------------------------------- */

static void add_scope(struct waybuf_constraints_builder *builder, struct fuzz_input *input)
{
	uint32_t formats[8];
	uint64_t modifiers[8];
	uint8_t counts = fuzz_u8(input);
	size_t n_formats = counts & 7, n_modifiers = counts >> 4 & 7;
	for (size_t i = 0; i < n_formats; i++)
		formats[i] = pick_format(input);
	for (size_t i = 0; i < n_modifiers; i++)
		modifiers[i] = pick_modifier(input);
	waybuf_constraints_builder_set(builder, formats, n_formats, modifiers, n_modifiers);
}

static void add_any(struct waybuf_constraints_builder *builder, struct fuzz_input *input)
{
	uint64_t words[8];
	uint16_t id = fuzz_u16(input);
	uint8_t plane = fuzz_u8(input);
	size_t n = fuzz_u8(input) & 7;
	for (size_t i = 0; i < n; i++)
		words[i] = pick_number(input);
	waybuf_constraints_builder_add(builder, id, plane, words, n);
}

static void add_heaps(struct waybuf_constraints_builder *builder, struct fuzz_input *input)
{
	static const char *const names[] = {"system", "cma", "memfd", "image"};
	uint8_t how = fuzz_u8(input);
	const char *list[2] = {names[how & 3], names[how >> 2 & 3]};
	waybuf_constraints_builder_heaps(builder, list, (how >> 4 & 3) % 3);
}

static void add_record(struct waybuf_constraints_builder *builder, struct fuzz_input *input)
{
	uint8_t what = fuzz_u8(input), plane = fuzz_u8(input);
	plane = plane < 6 ? plane : WAYBUF_PLANE_ALL;
	uint64_t a = 0, b = 0, c = 0;
	if (what % 16 > 3) {
		a = pick_number(input);
		b = pick_number(input);
		c = pick_number(input);
	}
	switch (what % 16) {
	case 0:
		waybuf_constraints_builder_strength(
			builder, (enum waybuf_strength)(fuzz_u8(input) % 4), fuzz_u16(input));
		return;
	case 1:
		add_scope(builder, input);
		return;
	case 2:
		add_any(builder, input);
		return;
	case 3:
		add_heaps(builder, input);
		return;
	case 4:
		waybuf_constraints_builder_access(builder, a);
		return;
	case 5:
		waybuf_constraints_builder_hold(builder, a);
		return;
	case 6:
		waybuf_constraints_builder_width(builder, a, b, c);
		return;
	case 7:
		waybuf_constraints_builder_height(builder, a, b, c);
		return;
	case 8:
	case 9:
		waybuf_constraints_builder_stride(builder, plane, a, b, c);
		return;
	case 10:
		waybuf_constraints_builder_offset(builder, plane, a);
		return;
	case 11:
		waybuf_constraints_builder_rows(builder, plane, a, b);
		return;
	case 12:
		waybuf_constraints_builder_size(builder, plane, a, b);
		return;
	case 13:
		waybuf_constraints_builder_one_fd(builder, a & 1);
		return;
	case 14:
		waybuf_constraints_builder_address_bits(builder, a);
		waybuf_constraints_builder_near_dev(builder, b);
		return;
	case 15:
		waybuf_constraints_builder_cache(builder, (enum waybuf_caching)(a % 4));
		if (b & 1)
			waybuf_constraints_builder_contiguous(builder);
		return;
	}
}

static struct waybuf_constraints *build_set(struct fuzz_input *input)
{
	struct waybuf_constraints *set = NULL;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	FUZZ_CHECK(builder);
	for (int n = fuzz_u8(input) % 24; n > 0; n--)
		add_record(builder, input);
	waybuf_constraints_builder_finish(builder, &set);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

static void check_bytes(const struct waybuf_constraints *set, const void *bytes, size_t size)
{
	size_t kept;
	const void *records = waybuf_constraints_records(set, &kept);
	FUZZ_CHECK(kept == size && (size == 0 || memcmp(records, bytes, size) == 0));
}

static struct waybuf_constraints *parse_set(struct fuzz_input *input)
{
	struct waybuf_constraints *set = NULL;
	struct waybuf_constraints_error error = {0};
	size_t size;
	const uint8_t *bytes = fuzz_bytes(input, fuzz_u16(input), &size);
	int ret = waybuf_constraints_parse(bytes, size, &set, &error);
	if (ret == 0)
		check_bytes(set, bytes, size);
	else
		FUZZ_CHECK(error.offset <= size);
	for (size_t n; (n = waybuf_constraints_chunk(bytes, size, 64)) > 0;) {
		FUZZ_CHECK(n <= size && n <= 64);
		bytes += n;
		size -= n;
	}
	return set;
}

/* What a set says, and that its own bytes make it again, unless only we may say such things. */
static void look_at(struct waybuf_constraints *set, FILE *out)
{
	struct waybuf_constraints *again = NULL;
	size_t size;
	const void *records = waybuf_constraints_records(set, &size);
	waybuf_constraints_print(set, out);
	if (waybuf_constraints_parse(records, size, &again, NULL) < 0)
		return;
	FUZZ_CHECK(waybuf_constraints_access(set) == waybuf_constraints_access(again));
	FUZZ_CHECK(waybuf_constraints_hold(set) == waybuf_constraints_hold(again));
	waybuf_constraints_unref(again);
}

/* ---- the choice ---------------------------------------------------------------------------- */

static const struct waybuf_format_modifier image_pairs[] = {
	{DRM_FORMAT_XRGB8888, 0, I915_FORMAT_MOD_X_TILED},
	{DRM_FORMAT_XRGB8888, 5, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_NV12, 0, DRM_FORMAT_MOD_INVALID},
};
static const struct waybuf_exporter_caps heap = {
	.name = "system",
	.heap = "system",
	.is_dmabuf = true,
	.cpu_mappable = true,
	.cache = WAYBUF_CACHED,
	.max_size = 1u << 28,
};
static const struct waybuf_exporter_caps cma = {
	.name = "cma",
	.heap = "cma",
	.is_dmabuf = true,
	.contiguous = true,
	.address_bits = 32,
	.cache = WAYBUF_UNCACHED,
	.base_cost = 20,
	.page_size = 65536,
};
static const struct waybuf_exporter_caps image = {
	.name = "image",
	.kind = WAYBUF_EXPORTER_IMAGE,
	.is_dmabuf = true,
	.device = 1,
	.devnum = 0xe280,
	.pairs = image_pairs,
	.n_pairs = sizeof(image_pairs) / sizeof(image_pairs[0]),
};
static const struct waybuf_exporter_caps *const exporters[] = {&heap, &cma, &image};

static struct waybuf_layout layout_of(const struct waybuf_solution *solution)
{
	struct waybuf_layout layout = {
		.width = solution->width,
		.height = solution->height,
		.format = solution->format,
		.modifier = solution->modifier,
		.n_planes = solution->n_planes,
		.n_memory = solution->n_memory,
	};
	memcpy(layout.planes, solution->planes, sizeof(layout.planes));
	for (uint32_t i = 0; i < layout.n_memory; i++)
		layout.memory[i] =
			(struct waybuf_memory){.fd = -1, .size = solution->memory_size[i]};
	return layout;
}

static void check_solution(
	const struct waybuf_request *request, const struct waybuf_solution *solution)
{
	FUZZ_CHECK(solution->exporter < request->n_exporters);
	FUZZ_CHECK(solution->width >= request->width && solution->height >= request->height);
	/* of an image exporter the driver says where the planes are */
	if (solution->n_planes == 0)
		return;
	struct waybuf_layout layout = layout_of(solution);
	struct waybuf_conflict conflict;
	int ret = waybuf_constraints_check_layout(
		request, request->exporters[solution->exporter], &layout, &conflict);
	FUZZ_CHECK(ret == 0);
}

static void negotiate(const struct waybuf_request *request, struct waybuf_cache *cache, FILE *out)
{
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	int ret = waybuf_negotiate(request, cache, &solution, &why);
	if (ret == 0)
		check_solution(request, &solution);
	else
		waybuf_negotiate_reason(ret);
	if (why)
		waybuf_explanation_print(why, out);
	waybuf_explanation_unref(why);
}

static void choose(struct waybuf_constraints **sets, size_t n, struct fuzz_input *input, FILE *out)
{
	struct waybuf_party parties[MAX_SETS];
	for (size_t i = 0; i < n; i++)
		parties[i] = (struct waybuf_party){.who = "x", .key = 1 + i, .set = sets[i]};
	struct waybuf_exclusion exclusion = {
		.exporter = fuzz_u8(input) % 3, .format = pick_format(input), .who = n ? 0 : -1};
	struct waybuf_request request = {
		.width = 1 + (uint32_t)fuzz_u16(input),
		.height = 1 + (uint32_t)fuzz_u16(input),
		.parties = parties,
		.n_parties = n,
		.exporters = exporters,
		.n_exporters = 1 + fuzz_u8(input) % 3,
		.exclusions = &exclusion,
		/* not in time, which is never twice the same */
		.budget = {.nodes = 2048, .usec = 60000000},
	};
	if (exclusion.exporter < request.n_exporters)
		request.n_exclusions = fuzz_u8(input) & 1;
	struct waybuf_cache *cache = waybuf_cache_create(2);
	negotiate(&request, NULL, out);
	negotiate(&request, cache, out);
	negotiate(&request, cache, out);
	waybuf_cache_destroy(cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct waybuf_constraints *sets[MAX_SETS];
	struct set_table table = {0};
	char *text = NULL;
	size_t text_size, n = 0;
	FILE *out = open_memstream(&text, &text_size);
	FUZZ_CHECK(out);
	uint8_t what = fuzz_u8(&input);
	for (int i = 0; i <= what % MAX_SETS; i++) {
		struct waybuf_constraints *set =
			what & 16 << i ? parse_set(&input) : build_set(&input);
		if (set)
			sets[n++] = set_table_share(&table, set);
	}
	for (size_t i = 0; i < n; i++)
		look_at(sets[i], out);
	choose(sets, n, &input, out);
	for (size_t i = 0; i < n; i++)
		waybuf_constraints_unref(sets[i]);
	set_table_finish(&table);
	fclose(out);
	free(text);
	return 0;
}
