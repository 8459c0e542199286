/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/format.h"
#include "kms/writeback.h"
#include "kms_fixture.h"

const char *find_vkms(void)
{
	static char path[64];
	char **nodes = waybuf_kms_list_nodes();
	ck_assert_ptr_nonnull(nodes);
	path[0] = 0;
	for (size_t i = 0; nodes[i] && !path[0]; i++) {
		struct waybuf_kms_device *device;
		if (waybuf_kms_device_open(nodes[i], WAYBUF_KMS_INSPECT, &device, NULL) < 0)
			continue;
		if (strcmp(device->driver, "vkms") == 0)
			snprintf(path, sizeof(path), "%s", nodes[i]);
		waybuf_kms_device_destroy(device);
	}
	free(nodes);
	if (!path[0])
		SKIP("no vkms device");
	return path;
}

void display_open(struct display *display)
{
	struct waybuf_kms_why why = {0};
	*display = (struct display){0};
	int error = waybuf_kms_device_open(find_vkms(), WAYBUF_KMS_MASTER, &display->device, &why);
	ck_assert_msg(error == 0, "%d %s", error, why.text);
	ck_assert_int_eq(waybuf_loop_create_epoll(&display->loop), 0);
	ck_assert_int_eq(waybuf_kms_device_watch(display->device, display->loop), 0);
	struct waybuf_kms_resources *res = &display->device->res;
	for (uint32_t i = 0; i < res->n_connectors; i++) {
		if (res->connectors[i]->connected && !res->connectors[i]->writeback)
			display->connector = res->connectors[i];
	}
	ck_assert_ptr_nonnull(display->connector);
	display->crtc = waybuf_kms_state_pick_crtc(display->device->current, display->connector);
	ck_assert_ptr_nonnull(display->crtc);
	display->primary = waybuf_kms_state_pick_plane(
		display->device->current, display->crtc, DRM_PLANE_TYPE_PRIMARY);
	ck_assert_ptr_nonnull(display->primary);
	const drmModeModeInfo *mode = waybuf_kms_connector_preferred_mode(display->connector);
	display->width = mode->hdisplay;
	display->height = mode->vdisplay;
}

void display_close(struct display *display)
{
	waybuf_kms_device_destroy(display->device);
	waybuf_loop_destroy(display->loop);
}

static void on_flipped(void *data, const struct waybuf_kms_flip *flip)
{
	struct display *display = data;
	display->flips++;
	display->last = *flip;
}

static void on_captured(
	void *data, struct waybuf_kms_crtc *crtc, int error, struct waybuf_fence *writing)
{
	struct display *display = data;
	ck_assert_ptr_eq(crtc, display->crtc);
	display->captures++;
	display->capture_error = error;
}

const struct waybuf_kms_listener display_listener = {
	.flipped = on_flipped,
	.captured = on_captured,
};

struct waybuf_kms_state *display_propose(struct display *display, struct waybuf_kms_fb *fb)
{
	struct waybuf_kms_why why = {0};
	struct waybuf_kms_state *state;
	struct waybuf_kms_layer layer;
	ck_assert_int_eq(waybuf_kms_state_duplicate(display->device, &state), 0);
	if (!state->crtcs[display->crtc->index].active)
		ck_assert_int_eq(waybuf_kms_state_enable(
					 state, display->connector, display->crtc, NULL, &why),
			0);
	waybuf_kms_layer_init(&layer, fb);
	int error =
		waybuf_kms_state_set_plane(state, display->primary, display->crtc, &layer, &why);
	ck_assert_msg(error == 0, "%s", why.text);
	return state;
}

int display_commit(struct display *display, struct waybuf_kms_state *state,
	struct waybuf_kms_commit_result *result)
{
	struct waybuf_kms_commit_options options = {
		.listener = &display_listener, .data = display, .out_fences = result != NULL};
	struct waybuf_kms_why why = {0};
	int error = waybuf_kms_state_commit(state, &options, result, &why);
	if (error) {
		printf("# commit: %s\n", why.text);
		waybuf_kms_state_destroy(state);
	}
	return error;
}

void display_wait(struct display *display, int flips, int captures)
{
	for (int i = 0; i < 1000 && (display->flips < flips || display->captures < captures); i++)
		waybuf_loop_dispatch(display->loop, 10);
	ck_assert_int_eq(display->flips, flips);
	ck_assert_int_eq(display->captures, captures);
}

void display_show(struct display *display, struct waybuf_kms_fb *fb)
{
	ck_assert_int_eq(display_commit(display, display_propose(display, fb), NULL), 0);
	display_wait(display, display->flips + 1, display->captures);
}

struct waybuf_kms_dumb *display_capture(struct display *display)
{
	struct waybuf_kms_why why = {0};
	struct waybuf_kms_dumb *picture;
	struct waybuf_kms_commit_options options = {.listener = &display_listener, .data = display};
	ck_assert_int_eq(waybuf_kms_dumb_create(display->device, display->width, display->height,
				 DRM_FORMAT_XRGB8888, &picture, &why),
		0);
	int error = waybuf_kms_capture(display->crtc, picture->fb, &options, NULL, &why);
	ck_assert_msg(error == 0, "capture: %d %s", error, why.text);
	ck_assert(waybuf_kms_crtc_busy(display->crtc));
	display_wait(display, display->flips + 1, display->captures + 1);
	ck_assert_int_eq(display->capture_error, 0);
	ck_assert(!waybuf_kms_crtc_busy(display->crtc));
	return picture;
}

static int from_heap(uint64_t size)
{
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	if (heap < 0)
		SKIP("no system dma-heap");
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	ck_assert_int_eq(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data), 0);
	close(heap);
	return (int)data.fd;
}

static int from_udmabuf(uint64_t size)
{
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (node < 0)
		SKIP("no udmabuf");
	int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(memfd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size};
	int fd = ioctl(node, UDMABUF_CREATE, &create);
	ck_assert_int_ge(fd, 0);
	close(memfd);
	close(node);
	return fd;
}

int make_dmabuf(enum memory_source source, uint64_t size)
{
	size = (size + 4095) / 4096 * 4096;
	return source == FROM_HEAP ? from_heap(size) : from_udmabuf(size);
}

struct waybuf_layout make_layout(
	enum memory_source source, uint32_t width, uint32_t height, uint32_t format)
{
	const struct waybuf_format *info = waybuf_format_get(format);
	struct waybuf_layout layout = {.generation = 1,
		.width = width,
		.height = height,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = info->n_planes,
		.n_memory = 1,
		.exporter = source == FROM_HEAP ? "heap" : "udmabuf"};
	uint64_t size = 0, stride;
	for (uint32_t i = 0; i < info->n_planes; i++) {
		ck_assert(waybuf_format_min_stride(info, i, width, &stride));
		stride = (stride + 63) / 64 * 64;
		layout.planes[i] = (struct waybuf_plane){.offset = (uint32_t)size,
			.stride = (uint32_t)stride,
			.rows = (uint32_t)waybuf_format_plane_height(info, i, height)};
		size += stride * layout.planes[i].rows;
	}
	layout.memory[0].fd = make_dmabuf(source, size);
	layout.memory[0].size = (size + 4095) / 4096 * 4096;
	layout.memory[0].kind = WAYBUF_MEMORY_DMABUF;
	return layout;
}

static void bracket(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_RW};
	while (ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		ck_assert(errno == EINTR || errno == EAGAIN);
}

void draw_on(
	const struct waybuf_layout *layout, void (*draw)(const struct waybuf_layout *, uint8_t *))
{
	const struct waybuf_memory *memory = &layout->memory[0];
	uint8_t *bytes =
		mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	ck_assert(bytes != MAP_FAILED);
	bracket(memory->fd, DMA_BUF_SYNC_START);
	draw(layout, bytes);
	bracket(memory->fd, DMA_BUF_SYNC_END);
	munmap(bytes, memory->size);
}

uint32_t pattern_at(uint32_t x, uint32_t y)
{
	return (x * 7 & 0xff) << 16 | (y * 5 & 0xff) << 8 | ((x ^ y) & 0xff);
}

void draw_pattern(const struct waybuf_layout *layout, uint8_t *bytes)
{
	for (uint32_t y = 0; y < layout->height; y++) {
		for (uint32_t x = 0; x < layout->width; x++) {
			uint32_t pixel = pattern_at(x, y);
			memcpy(bytes + layout->planes[0].offset +
					(size_t)y * layout->planes[0].stride + x * 4,
				&pixel, 4);
		}
	}
}

uint32_t pixel_at(const struct waybuf_kms_dumb *picture, uint32_t x, uint32_t y)
{
	uint32_t pixel;
	memcpy(&pixel,
		(const uint8_t *)picture->pixels + (size_t)y * picture->layout.planes[0].stride +
			x * 4,
		4);
	return pixel & 0xffffff;
}

int fence_info(int sync_file, uint64_t *time_ns)
{
	struct sync_fence_info fences[4] = {0};
	struct sync_file_info info = {.num_fences = 4, .sync_fence_info = (uintptr_t)fences};
	ck_assert_int_eq(ioctl(sync_file, SYNC_IOC_FILE_INFO, &info), 0);
	if (time_ns)
		*time_ns = fences[0].timestamp_ns;
	return info.status;
}
