/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <drm_fourcc.h>
#include <waybuf/constraints.h>

#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "render.h"
#include "util/clock.h"
#include "util/log.h"

/*
 * An output without a display: pictures are composed into memory of our own, where captures find
 * them, and a timer stands for the vblank. All else is as on a display. What the worker has composed
 * is shown from the next multiple of the period on, and until then it is pending.
 */

/* The largest picture; four bytes a pixel are then 1 GiB. */
#define MOST_PIXELS 16384

struct headless {
	char name[32];
	struct waybuf_source *timer;
	uint64_t begun_ns; /* of vblank 0 */
	uint64_t vblank; /* that the pending scene is for */
	bool pending;
};

static const struct options_mode by_default = {1280, 720, 60000};

static uint64_t vblank_ns(const struct output *output, uint64_t vblank)
{
	return output->headless->begun_ns + vblank * output_period_ns(output);
}

static void handle_vblank(void *data)
{
	struct output *output = data;
	struct headless *headless = output->headless;
	const struct waybuf_kms_flip flip = {
		.sequence = (uint32_t)headless->vblank,
		.time_ns = vblank_ns(output, headless->vblank),
	};
	headless->pending = false;
	output_kms_listener.flipped(output, &flip);
}

/* Takes @scene on success, as of the next vblank. */
static int commit(
	struct output *output, struct scene *scene, struct slot *slot, struct waybuf_kms_why *why)
{
	struct headless *headless = output->headless;
	uint64_t now = clock_now_ns();
	headless->vblank = (now - headless->begun_ns) / output_period_ns(output) + 1;
	uint64_t left = vblank_ns(output, headless->vblank) - now;
	int ret = waybuf_source_arm(headless->timer, (uint32_t)((left + 999999) / 1000000));
	if (ret < 0) {
		waybuf_kms_why_set(why, "the timer cannot be armed");
		return ret;
	}
	headless->pending = true;
	scene_trace(scene, WAYBUF_TRACE_COMMIT, 0, 0);
	output->pending = scene;
	return 0;
}

static bool is_busy(const struct output *output)
{
	return output->headless->pending;
}

static int make_image(struct output *output, struct slot *slot, struct waybuf_kms_why *why)
{
	slot->stride = output->width * 4;
	slot->pixels = slot->memory = calloc(output->height, slot->stride);
	if (slot->pixels)
		return 0;
	waybuf_kms_why_set(why, "no memory for a picture");
	return -ENOMEM;
}

static void assign(struct output *output, struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++)
		output->places[i] = (struct waybuf_kms_place){
			.reason = "the output is headless, and has no planes"};
}

static const struct output_backend backend = {
	.commit = commit, .is_busy = is_busy, .make_image = make_image, .assign = assign};

/* Of its own, or --mode's, or by default; the rate of refresh and the scale likewise. */
static void choose(struct output *output, const struct options_headless *wanted)
{
	const struct options_mode *own = &wanted->mode;
	const struct options_mode *common = &output->daemon->options->mode;
	const struct options_mode *size = own->width ? own : common->width ? common : &by_default;
	output->width = size->width;
	output->height = size->height;
	output->refresh_mhz = own->refresh_mhz ? own->refresh_mhz
		: common->refresh_mhz          ? common->refresh_mhz
					       : by_default.refresh_mhz;
	output->scale = options_scale(output->daemon->options, wanted->scale);
}

static bool init(struct output *output, const struct options_headless *wanted, uint32_t index)
{
	struct waybuf_kms_why why = {.text = ""};
	int error = 0;
	output->backend = &backend;
	output->make = "waybuf";
	output->rank = index;
	choose(output, wanted);
	output->headless = calloc(1, sizeof(*output->headless));
	if (output->width > MOST_PIXELS || output->height > MOST_PIXELS || !output->headless ||
		make_image(output, &output->slots[0], &why) < 0) {
		fprintf(stderr,
			"waybufd: --headless: no memory for %u x %u: choose a smaller mode\n",
			output->width, output->height);
		return false;
	}
	/* it is black: that is an image of nothing */
	output->slots[0].valid = true;
	output->shown_slot = &output->slots[0];
	snprintf(output->headless->name, sizeof(output->headless->name), "HEADLESS-%u", index + 1);
	output->name = output->headless->name;
	output->headless->begun_ns = clock_now_ns();
	output->headless->timer =
		waybuf_loop_add_timer(output->daemon->loop, handle_vblank, output, &error);
	if (!output->headless->timer)
		fprintf(stderr, "waybufd: no timer can be made\n");
	return output->headless->timer != NULL;
}

bool headless_start(struct daemon *daemon)
{
	const struct options *options = daemon->options;
	for (uint32_t i = 0; i < options->n_headless; i++) {
		struct output *output = output_create(daemon);
		if (!output || !init(output, &options->headless[i], i)) {
			output_destroy(output);
			return false;
		}
		outputs_insert(output);
	}
	outputs_arrange(daemon);
	return true;
}

void headless_finish(struct output *output)
{
	if (output->headless)
		waybuf_source_remove(output->headless->timer);
	free(output->headless);
}

/* ---- what its display attachments ask for: what composition reads -------------------------- */

static int constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	uint32_t formats[RENDER_FORMATS];
	const uint64_t linear = DRM_FORMAT_MOD_LINEAR;
	size_t n = 0;
	const uint64_t possible = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_SAMPLE;
	if (access & ~possible)
		return -EOPNOTSUPP;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	for (; render_format(n); n++)
		formats[n] = render_format(n);
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_width(builder, 1, MOST_PIXELS, 1);
	waybuf_constraints_builder_height(builder, 1, MOST_PIXELS, 1);
	int error = waybuf_constraints_builder_set(builder, formats, n, &linear, 1);
	if (!error)
		error = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return error;
}

const struct waybuf_server_device_ops headless_device_ops = {.constraints = constraints};
