/* SPDX-License-Identifier: MIT */
#include "render_kit.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cpu_access.h"
#include "core/format.h"
#include "gles.h"
#include "gpu/gpu.h"
#include "util/fd.h"

uint32_t kit_roll(struct kit *kit, uint32_t sides)
{
	return (uint32_t)(harness_random(&kit->random) >> 33) % sides;
}

void kit_init(struct kit *kit)
{
	const char *why;
	memset(kit, 0, sizeof(*kit));
	kit->random = harness_seed();
	ck_assert_int_eq(waybuf_loop_create_epoll(&kit->loop), 0);
	ck_assert_int_eq(waybuf_worker_create(kit->loop, &kit->worker), 0);
	int ret = waybuf_gpu_create(-1, &kit->gpu);
	if (ret == 0)
		ret = gles_create(kit->gpu, kit->loop, kit->worker, &kit->gles, &why);
	if (ret == -EOPNOTSUPP && !kit->gpu) {
		kit_finish(kit);
		SKIP("no EGL here that imports dma-bufs");
	}
	ck_assert_msg(ret == 0, "no renderer: %s", why);
}

void kit_finish(struct kit *kit)
{
	kit_clear(kit);
	render_stop(kit->gles);
	waybuf_worker_destroy(kit->worker);
	render_finish(kit->gles);
	waybuf_gpu_destroy(kit->gpu);
	waybuf_loop_destroy(kit->loop);
}

/* ---- memory -------------------------------------------------------------------------------- */

static int allocate_from_heap(size_t size)
{
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	if (heap < 0)
		return -1;
	ck_assert_int_eq(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data), 0);
	close(heap);
	return (int)data.fd;
}

bool kit_allocate(size_t size, int *fd, void **pixels)
{
	*fd = allocate_from_heap(size);
	bool real = *fd >= 0;
	if (!real) {
		*fd = memfd_create("pixels", MFD_CLOEXEC);
		ck_assert_int_eq(ftruncate(*fd, (off_t)size), 0);
	}
	*pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	ck_assert_ptr_ne(*pixels, MAP_FAILED);
	return real;
}

static void fill(struct kit *kit, struct kit_frame *frame)
{
	uint8_t *bytes = frame->pixels;
	for (size_t i = 0; i < frame->size; i++)
		bytes[i] = (uint8_t)kit_roll(kit, 256);
}

/* No colour above alpha, as clients owe it to those who blend; or opaque all over. */
static void tidy(struct kit *kit, struct kit_frame *frame, uint32_t stride, bool opaque)
{
	for (uint32_t y = 0; y < frame->frame.height; y++) {
		uint8_t *pixel = (uint8_t *)frame->pixels + (size_t)y * stride;
		for (uint32_t x = 0; x < frame->frame.width; x++, pixel += 4) {
			if (opaque || kit_roll(kit, 3) == 0)
				pixel[3] = 255;
			for (int c = 0; c < 3; c++)
				pixel[c] = (uint8_t)(pixel[c] * pixel[3] / 255);
		}
	}
}

static void free_frame(struct kit_frame *frame)
{
	render_import_destroy(frame->backing.import);
	for (uint32_t i = 0; i < frame->backing.n_memory; i++) {
		waybuf_cpu_destroy(frame->backing.cpu[i]);
		fd_close(&frame->backing.memory[i].fd);
	}
	munmap(frame->pixels, frame->size);
	close(frame->fd);
	memset(frame, 0, sizeof(*frame));
}

void kit_clear(struct kit *kit)
{
	for (uint32_t i = 0; i < kit->scene.n_layers; i++)
		free_frame(&kit->frames[i]);
	memset(&kit->scene, 0, sizeof(kit->scene));
	kit->story[0] = '\0';
	kit->scaled = kit->blended = false;
}

/* ---- how layers are shown ------------------------------------------------------------------ */

static bool is_true(const struct scene_layer *layer)
{
	return geometry_is_exact(layer->transform, &layer->source, layer->width, layer->height);
}

static void crop(struct kit *kit, struct scene_layer *layer, int64_t unit)
{
	const int64_t one = GEOMETRY_ONE;
	const int64_t width = layer->frame->width * one, height = layer->frame->height * one;
	struct geometry_box *source = &layer->source;
	source->x = kit_roll(kit, (uint32_t)(width / unit)) * unit;
	source->y = kit_roll(kit, (uint32_t)(height / unit)) * unit;
	source->width = (1 + kit_roll(kit, (uint32_t)((width - source->x) / unit))) * unit;
	source->height = (1 + kit_roll(kit, (uint32_t)((height - source->y) / unit))) * unit;
}

static void place(struct kit *kit, struct scene_layer *layer)
{
	const int64_t one = GEOMETRY_ONE;
	uint32_t how = kit_roll(kit, 4);
	layer->source =
		(struct geometry_box){0, 0, layer->frame->width * one, layer->frame->height * one};
	layer->transform = (int32_t)kit_roll(kit, 8);
	if (how > 0)
		crop(kit, layer, how == 1 ? one : 1);
	bool turned = geometry_turned(layer->transform);
	layer->width = (uint32_t)((turned ? layer->source.height : layer->source.width) / one);
	layer->height = (uint32_t)((turned ? layer->source.width : layer->source.height) / one);
	if (how > 1 || !layer->width || !layer->height) {
		layer->width = 1 + kit_roll(kit, KIT_WIDTH * 2);
		layer->height = 1 + kit_roll(kit, KIT_HEIGHT * 2);
	}
	layer->x = (int32_t)kit_roll(kit, KIT_WIDTH) - (int32_t)layer->width / 2;
	layer->y = (int32_t)kit_roll(kit, KIT_HEIGHT) - (int32_t)layer->height / 2;
}

static void set_hiding(struct scene_layer *layer)
{
	layer->n_hides = layer->opaque;
	layer->hides[0] = (pixman_box32_t){0, 0, (int32_t)layer->width, (int32_t)layer->height};
}

static void tell(struct kit *kit, const struct scene_layer *layer)
{
	char name[WAYBUF_FOURCC_LEN];
	size_t length = strlen(kit->story);
	snprintf(kit->story + length, sizeof(kit->story) - length,
		"%s %ux%u at %d,%d %ux%u from %.3f,%.3f %.3fx%.3f by %d alpha %u%s%s\n",
		waybuf_fourcc_string(layer->frame->format, name), layer->frame->width,
		layer->frame->height, layer->x, layer->y, layer->width, layer->height,
		(double)layer->source.x / 256, (double)layer->source.y / 256,
		(double)layer->source.width / 256, (double)layer->source.height / 256,
		layer->transform, layer->alpha, layer->opaque ? " opaque" : "",
		layer->color.straight ? " straight" : "");
}

static void add_layer(struct kit *kit, struct kit_frame *frame, bool promised)
{
	struct scene_layer *layer = &kit->scene.layers[kit->scene.n_layers++];
	const struct waybuf_format *format = waybuf_format_get(frame->frame.format);
	layer->frame = &frame->frame;
	place(kit, layer);
	layer->alpha = kit_roll(kit, 3) ? UINT16_MAX : (uint16_t)kit_roll(kit, 65536);
	layer->color.straight = kit_roll(kit, 3) == 0;
	layer->color.encoding = (enum waybuf_kms_encoding)kit_roll(kit, 3);
	layer->color.full_range = kit_roll(kit, 2);
	layer->opaque = layer->alpha == UINT16_MAX && (promised || !format->has_alpha);
	set_hiding(layer);
	kit->scaled |= !is_true(layer);
	kit->blended |= !layer->opaque;
	tell(kit, layer);
}

void kit_show_plainly(struct kit *kit, uint32_t index)
{
	struct scene_layer *layer = &kit->scene.layers[index];
	layer->x = layer->y = 0;
	layer->width = layer->frame->width;
	layer->height = layer->frame->height;
	layer->transform = 0;
	layer->source = (struct geometry_box){
		0, 0, (int64_t)layer->width * GEOMETRY_ONE, (int64_t)layer->height * GEOMETRY_ONE};
	set_hiding(layer);
	kit->scaled = false;
	for (uint32_t i = 0; i < kit->scene.n_layers; i++)
		kit->scaled |= !is_true(&kit->scene.layers[i]);
}

void kit_show_opaque(struct kit *kit, uint32_t index)
{
	struct scene_layer *layer = &kit->scene.layers[index];
	layer->alpha = UINT16_MAX;
	layer->opaque = true;
	set_hiding(layer);
	kit->blended = false;
	for (uint32_t i = 0; i < kit->scene.n_layers; i++)
		kit->blended |= !kit->scene.layers[i].opaque;
}

static struct kit_frame *next_frame(struct kit *kit, uint32_t format)
{
	ck_assert_uint_lt(kit->scene.n_layers, KIT_LAYERS);
	struct kit_frame *frame = &kit->frames[kit->scene.n_layers];
	frame->frame.width = 2 * (1 + kit_roll(kit, KIT_WIDTH / 2));
	frame->frame.height = 2 * (1 + kit_roll(kit, KIT_HEIGHT / 2));
	frame->frame.format = format;
	frame->frame.refs = frame->frame.readers = 1;
	return frame;
}

void kit_add_shm(struct kit *kit, uint32_t format)
{
	struct kit_frame *frame = next_frame(kit, format);
	const uint32_t bytes = waybuf_format_get(format)->block_bytes[0];
	const bool four = bytes == 4;
	bool promised = kit_roll(kit, 3) == 0;
	uint32_t stride = (frame->frame.width * bytes + 3) / 4 * 4;
	/* pixman wants its rows at multiples of four bytes, clients need not */
	stride += four && kit_roll(kit, 5) == 0 ? 2 : 4 * kit_roll(kit, 3);
	frame->size = (size_t)stride * frame->frame.height;
	kit_allocate(frame->size, &frame->fd, &frame->pixels);
	fill(kit, frame);
	if (four && waybuf_format_get(format)->has_alpha && format == DRM_FORMAT_ARGB8888)
		tidy(kit, frame, stride, promised);
	frame->mapping = (struct shm_mapping){.data = frame->pixels, .size = frame->size};
	frame->shm = (struct shm_buffer){
		.mapping = &frame->mapping,
		.format = format,
		.width = frame->frame.width,
		.height = frame->frame.height,
		.stride = stride,
	};
	frame->frame.shm = &frame->shm;
	add_layer(kit, frame, promised && format == DRM_FORMAT_ARGB8888);
}

static void lay_out(struct kit_frame *frame)
{
	struct waybuf_layout *layout = &frame->layout;
	const struct waybuf_format *format = waybuf_format_get(layout->format);
	uint64_t stride;
	uint32_t offset = 0;
	layout->n_planes = format->n_planes;
	for (uint32_t i = 0; i < format->n_planes; i++) {
		ck_assert(waybuf_format_min_stride(format, i, layout->width, &stride));
		stride = (stride + 255) / 256 * 256;
		const uint32_t rows =
			(uint32_t)waybuf_format_plane_height(format, i, layout->height);
		layout->planes[i] = (struct waybuf_plane){
			.offset = offset, .stride = (uint32_t)stride, .rows = rows};
		offset += (uint32_t)stride * rows;
	}
	frame->size = ((size_t)offset + 4095) / 4096 * 4096;
}

void kit_add_dmabuf(struct kit *kit, uint32_t format)
{
	struct kit_frame *frame = next_frame(kit, format);
	frame->layout = (struct waybuf_layout){
		.width = frame->frame.width,
		.height = frame->frame.height,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_memory = 1,
	};
	lay_out(frame);
	bool real = kit_allocate(frame->size, &frame->fd, &frame->pixels);
	fill(kit, frame);
	if (format == DRM_FORMAT_ARGB8888)
		tidy(kit, frame, frame->layout.planes[0].stride, false);
	frame->layout.memory[0] = (struct waybuf_memory){
		frame->fd, real ? WAYBUF_MEMORY_DMABUF : WAYBUF_MEMORY_MEMFD, frame->size};
	frame->frame.backing = &frame->backing;
	frame->frame.grant.layout = &frame->layout;
	add_layer(kit, frame, false);
}

/* ---- pictures ------------------------------------------------------------------------------ */

static void handle_done(struct render_job *job, int error)
{
	struct kit *kit = job->data;
	kit->done = true;
	kit->error = error;
}

struct render_image kit_image(void *pixels, uint32_t format)
{
	return (struct render_image){
		.pixels = pixels,
		.width = KIT_WIDTH,
		.height = KIT_HEIGHT,
		.stride = 4 * KIT_WIDTH,
		.format = format,
	};
}

int kit_draw(struct kit *kit, struct renderer *renderer, const struct render_image *target,
	const pixman_region32_t *region)
{
	kit->job = (struct render_job){
		.renderer = renderer,
		.scene = &kit->scene,
		.source = kit->below,
		.target = *target,
		.region = region,
		.done = handle_done,
		.data = kit,
	};
	kit->done = false;
	ck_assert_int_eq(render_start(kit->worker, &kit->job), 0);
	while (!kit->done)
		ck_assert_int_ge(waybuf_loop_dispatch(kit->loop, 20000), 1);
	return kit->error;
}

/* In the channel that differs most. */
static int difference(uint32_t a, uint32_t b, int channels)
{
	int most = 0;
	for (int c = 0; c < channels; c++) {
		int d = abs((int)(a >> 8 * c & 255) - (int)(b >> 8 * c & 255));
		most = d > most ? d : most;
	}
	return most;
}

void kit_check(const struct kit *kit, const uint32_t by_cpu[], const uint32_t by_gpu[],
	int channels, int most)
{
	for (uint32_t i = 0; i < KIT_WIDTH * KIT_HEIGHT; i++)
		if (difference(by_cpu[i], by_gpu[i], channels) > most)
			ck_abort_msg("at %u,%u: pixman %08x, gles %08x, of\n%s", i % KIT_WIDTH,
				i / KIT_WIDTH, by_cpu[i], by_gpu[i], kit->story);
}

void kit_compare(struct kit *kit, uint32_t format, const pixman_region32_t *region)
{
	static uint32_t by_cpu[KIT_WIDTH * KIT_HEIGHT], by_gpu[KIT_WIDTH * KIT_HEIGHT];
	struct render_image target = kit_image(by_cpu, format);
	/*
	 * GL does not say how blending is rounded. Mesa rounds some products of bytes down where pixman
	 * rounds to the nearest; a difference of one never becomes two by another layer. All else that
	 * is not scaled is exact.
	 */
	const int most = kit->scaled ? 3 : kit->blended;
	const int channels = format == DRM_FORMAT_ARGB8888 ? 4 : 3;
	memset(by_cpu, 0x55, sizeof(by_cpu));
	memset(by_gpu, 0x55, sizeof(by_gpu));
	ck_assert_int_eq(kit_draw(kit, NULL, &target, region), 0);
	ck_assert_uint_eq(kit->job.failed, 0);
	const uint64_t drawn = kit->job.drawn;
	target.pixels = by_gpu;
	ck_assert_int_eq(kit_draw(kit, kit->gles, &target, region), 0);
	ck_assert_uint_eq(kit->job.failed, 0);
	ck_assert_uint_eq(kit->job.drawn, drawn);
	kit_check(kit, by_cpu, by_gpu, channels, most);
}
