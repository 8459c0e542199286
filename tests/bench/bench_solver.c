/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "constraints/negotiate.h"

/*
 * How long a choice takes: 16 devices that each offer 64 modifiers, five exporters. The floor is
 * what no solver could do without: looking at every pair of every device once.
 */
#define DEVICES 16
#define MODIFIERS 64
#define ROUNDS 401
#define TARGET_US 100.0

static struct waybuf_constraints *sets[DEVICES];
static struct waybuf_party parties[DEVICES];
static struct waybuf_format_modifier pairs[33 * MODIFIERS];
static struct waybuf_exporter_caps caps[5];
static const struct waybuf_exporter_caps *exporters[5];
static uint32_t formats[33];

static void *check(void *made)
{
	if (!made)
		abort();
	return made;
}

/* Each device takes a run of 64 modifiers of which the last two are common to all. */
static uint64_t modifier_of(uint32_t device, uint32_t i)
{
	if (i == MODIFIERS - 1)
		return DRM_FORMAT_MOD_LINEAR;
	return i == MODIFIERS - 2 ? 1000000 : 1 + device + i;
}

static struct waybuf_constraints *make_set(uint32_t device, uint32_t n_formats, uint64_t prefer)
{
	struct waybuf_constraints_builder *b = check(waybuf_constraints_builder_create());
	struct waybuf_constraints *set;
	uint64_t modifiers[MODIFIERS];
	for (uint32_t i = 0; i < MODIFIERS; i++)
		modifiers[i] = modifier_of(device, i);
	waybuf_constraints_builder_access(b, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_hold(b, 1);
	waybuf_constraints_builder_set(b, formats, n_formats, modifiers, MODIFIERS);
	waybuf_constraints_builder_stride(
		b, WAYBUF_PLANE_ALL, UINT64_C(1) << device % 9, 0, 1 << 20);
	waybuf_constraints_builder_offset(b, WAYBUF_PLANE_ALL, 64);
	for (uint64_t i = 0; i < prefer; i++) {
		/* weights that differ a little, so that no choice is clearly best */
		uint64_t weight = 1000 + (device * 31 + i * 17) % 50;
		waybuf_constraints_builder_strength(b, WAYBUF_PREFER, (uint16_t)weight);
		waybuf_constraints_builder_stride(
			b, WAYBUF_PLANE_ALL, 3 + 2 * (device * prefer + i), 0, 1 << 20);
	}
	if (waybuf_constraints_builder_finish(b, &set) < 0)
		abort();
	waybuf_constraints_builder_destroy(b);
	return set;
}

static void make_exporters(uint32_t n_formats)
{
	static const char *const names[] = {"gbm", "dumb", "heap system", "udmabuf", "memfd"};
	size_t n = 0;
	for (uint32_t f = 0; f < n_formats; f++) {
		for (uint32_t i = 0; i < MODIFIERS; i++)
			pairs[n++] = (struct waybuf_format_modifier){
				.format = formats[f], .modifier = modifier_of(0, i)};
	}
	for (int i = 0; i < 5; i++) {
		caps[i] = (struct waybuf_exporter_caps){
			.name = names[i], .is_dmabuf = i < 4, .base_cost = (uint32_t)i};
		exporters[i] = &caps[i];
	}
	caps[0].kind = WAYBUF_EXPORTER_IMAGE;
	caps[0].pairs = pairs;
	caps[0].n_pairs = n;
}

static void set_up(uint32_t n_formats, uint64_t prefer, struct waybuf_request *request)
{
	for (uint32_t i = 0; i < n_formats; i++)
		formats[i] = i == 0 ? DRM_FORMAT_XRGB8888 : fourcc_code('b', '0', '0' + i, 'x');
	make_exporters(n_formats);
	for (uint32_t i = 0; i < DEVICES; i++) {
		waybuf_constraints_unref(sets[i]);
		sets[i] = make_set(i, n_formats, prefer);
		parties[i] = (struct waybuf_party){.who = "device", .key = i, .set = sets[i]};
	}
	*request = (struct waybuf_request){
		.width = 1920,
		.height = 1080,
		.parties = parties,
		.n_parties = DEVICES,
		.exporters = exporters,
		.n_exporters = 5,
	};
}

struct times {
	double median, worst;
};

static struct times summarise(double *samples)
{
	return (struct times){
		.median = bench_quantile(samples, ROUNDS, 0.5),
		.worst = bench_quantile(samples, ROUNDS, 1),
	};
}

static struct times measure(const struct waybuf_request *request, struct waybuf_cache *cache)
{
	double samples[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		struct waybuf_solution solution;
		const struct waybuf_explanation *why = NULL;
		double start = bench_now_us();
		int ret = waybuf_negotiate(request, cache, &solution, &why);
		samples[i] = bench_now_us() - start;
		if (ret < 0 || !why)
			bench_fail("no solution: %s", strerror(-ret));
		waybuf_explanation_unref(why);
	}
	return summarise(samples);
}

/* Every pair of every device, hashed: what it takes to have looked at the question. */
static double measure_floor(uint32_t n_formats)
{
	static volatile uint64_t sink;
	double samples[ROUNDS];
	for (int r = 0; r < ROUNDS; r++) {
		double start = bench_now_us();
		uint64_t sum = 0;
		for (uint32_t d = 0; d < DEVICES; d++) {
			for (size_t i = 0; i < (size_t)n_formats * MODIFIERS; i++)
				sum = (sum ^ pairs[i].modifier) * UINT64_C(0x9e3779b97f4a7c15);
		}
		sink = sum;
		samples[r] = bench_now_us() - start;
	}
	(void)sink;
	return summarise(samples).median;
}

int main(void)
{
	struct waybuf_request request;
	bench_init("bench-solver", 120);
	struct waybuf_cache *cache = check(waybuf_cache_create(16));
	set_up(1, 0, &request);
	double floor = measure_floor(1);
	struct times cold = measure(&request, NULL);
	struct times cached = measure(&request, cache);
	bench_print_value("solver_16x64", cold.median, "us", floor, TARGET_US);
	bench_print_value("solver_16x64_cached", cached.median, "us", floor, TARGET_US);
	set_up(33, 0, &request);
	bench_print_value(
		"solver_16x33x64", measure(&request, NULL).median, "us", measure_floor(33), 10000);
	/* 320 preferences that mostly exclude one another: the budget decides */
	set_up(1, 20, &request);
	bench_print_value(
		"solver_16x64_worst_case", measure(&request, NULL).worst, "us", floor, 30000);
	for (int i = 0; i < DEVICES; i++)
		waybuf_constraints_unref(sets[i]);
	waybuf_cache_destroy(cache);
	return 0;
}
