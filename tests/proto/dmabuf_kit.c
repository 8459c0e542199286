/* SPDX-License-Identifier: MIT */
#include "dmabuf_kit.h"

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- params -------------------------------------------------------------------------------- */

static void handle_created(
	void *data, struct zwp_linux_buffer_params_v1 *proxy, struct wl_buffer *buffer)
{
	struct raw_params *params = data;
	params->created++;
	raw_wl_buffer_listen(&params->buffer, buffer);
}

static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *proxy)
{
	((struct raw_params *)data)->failed++;
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

void raw_params_create(struct fixture_client *client, struct raw_params *params)
{
	*params = (struct raw_params){.proxy = zwp_linux_dmabuf_v1_create_params(client->dmabuf)};
	zwp_linux_buffer_params_v1_add_listener(params->proxy, &params_listener, params);
}

void raw_params_destroy(struct raw_params *params)
{
	if (params->buffer.proxy)
		wl_buffer_destroy(params->buffer.proxy);
	zwp_linux_buffer_params_v1_destroy(params->proxy);
}

void raw_params_add(struct raw_params *params, int fd, uint32_t plane, uint32_t offset,
	uint32_t stride, uint64_t modifier)
{
	zwp_linux_buffer_params_v1_add(params->proxy, fd, plane, offset, stride,
		(uint32_t)(modifier >> 32), (uint32_t)modifier);
}

void raw_params_set_device(struct raw_params *params, const void *device, size_t size)
{
#ifdef ZWP_LINUX_BUFFER_PARAMS_V1_SET_SAMPLING_DEVICE_SINCE_VERSION
	struct wl_array array;
	wl_array_init(&array);
	if (size)
		memcpy(wl_array_add(&array, size), device, size);
	zwp_linux_buffer_params_v1_set_sampling_device(params->proxy, &array);
	wl_array_release(&array);
#else
	SKIP("the protocol files have linux-dmabuf version 5");
#endif
}

/* ---- feedback ------------------------------------------------------------------------------ */

static uint64_t read_device(const struct wl_array *device)
{
	dev_t dev;
	ck_assert_uint_eq(device->size, sizeof(dev));
	memcpy(&dev, device->data, sizeof(dev));
	return dev;
}

static void begin(struct raw_feedback *feedback)
{
	if (!feedback->complete)
		return;
	feedback->complete = false;
	feedback->tranches = 0;
	memset(feedback->n_formats, 0, sizeof(feedback->n_formats));
}

static void handle_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	struct raw_feedback *feedback = data;
	feedback->done++;
	feedback->complete = true;
}

static void handle_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, int32_t fd, uint32_t size)
{
	struct raw_feedback *feedback = data;
	begin(feedback);
	feedback->tables++;
	if (feedback->table)
		munmap(feedback->table, feedback->table_size);
	feedback->table = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(feedback->table, MAP_FAILED);
	/* nobody can change what others read */
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
	close(fd);
	feedback->table_size = size;
	feedback->n_pairs = size / 16;
}

static void handle_main_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *device)
{
	struct raw_feedback *feedback = data;
	begin(feedback);
	feedback->main_devices++;
	feedback->main_device = read_device(device);
}

static void handle_tranche_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	struct raw_feedback *feedback = data;
	ck_assert_uint_lt(++feedback->tranches, 8);
}

static void handle_target(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *device)
{
	struct raw_feedback *feedback = data;
	begin(feedback);
	feedback->target[feedback->tranches] = read_device(device);
}

static void handle_formats(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *indices)
{
	struct raw_feedback *feedback = data;
	unsigned n = feedback->tranches;
	const uint16_t *index = indices->data;
	if (feedback->n_formats[n] == 0) {
		const char *entry = (const char *)feedback->table + (size_t)index[0] * 16;
		memcpy(&feedback->format[n], entry, 4);
		memcpy(&feedback->modifier[n], entry + 8, 8);
	}
	feedback->n_formats[n] += (unsigned)(indices->size / 2);
	for (size_t i = 0; i < indices->size / 2; i++)
		ck_assert_uint_lt(index[i], feedback->n_pairs);
}

static void handle_flags(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, uint32_t flags)
{
	struct raw_feedback *feedback = data;
	feedback->flags[feedback->tranches] = flags;
}

static const struct zwp_linux_dmabuf_feedback_v1_listener feedback_listener = {
	.done = handle_done,
	.format_table = handle_table,
	.main_device = handle_main_device,
	.tranche_done = handle_tranche_done,
	.tranche_target_device = handle_target,
	.tranche_formats = handle_formats,
	.tranche_flags = handle_flags,
};

void raw_feedback_listen(struct raw_feedback *feedback, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	*feedback = (struct raw_feedback){.proxy = proxy};
	zwp_linux_dmabuf_feedback_v1_add_listener(proxy, &feedback_listener, feedback);
}

void raw_feedback_finish(struct raw_feedback *feedback)
{
	zwp_linux_dmabuf_feedback_v1_destroy(feedback->proxy);
	if (feedback->table)
		munmap(feedback->table, feedback->table_size);
}

/* ---- memory -------------------------------------------------------------------------------- */

int make_dmabuf(size_t size)
{
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
	int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(memfd, 0);
	ck_assert_int_eq(ftruncate(memfd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};
	int fd = ioctl(device, UDMABUF_CREATE, &create);
	ck_assert_msg(fd >= 0, "UDMABUF_CREATE: %s", strerror(errno));
	close(memfd);
	close(device);
	return fd;
}

int make_heap_dmabuf(size_t size)
{
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	if (heap < 0)
		SKIP("no /dev/dma_heap/system: %s", strerror(errno));
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	ck_assert_msg(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) == 0, "ALLOC: %s", strerror(errno));
	close(heap);
	return (int)data.fd;
}
