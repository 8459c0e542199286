/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "bench.h"
#include "client.h"

/*
 * A 1920x1080 XRGB8888 image moves: drawn by the CPU into a memfd, then demanded as a dma-buf of the
 * system heap with rows of 8192 bytes, so that no page can be taken over. From that commit to its
 * answer, against what nobody can avoid: the allocation, cold maps of both, and the copy.
 */
#define WIDTH 1920
#define HEIGHT 1080
#define ROW (WIDTH * 4)
#define NEW_STRIDE 8192
#define ROUNDS 15

static void wish_strict(struct waybuf_constraints_builder *builder)
{
	const char *heap = "system";
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_heaps(builder, &heap, 1);
	waybuf_constraints_builder_stride(
		builder, WAYBUF_PLANE_ALL, NEW_STRIDE, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
}

static void draw(const struct bench_image *image)
{
	void *pixels = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
	if (pixels == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	memset(pixels, 0x5a, image->size);
	munmap(pixels, image->size);
}

static double migrate(void *data)
{
	const struct bench_server *server = data;
	struct bench_client client;
	struct bench_image image;
	/* one of its own, so that nothing is there that it had before */
	bench_client_connect(&client, server);
	bench_image_init(&client, &image, WIDTH, HEIGHT, bench_wish_cpu);
	bench_image_map(&image, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	if (strcmp(image.exporter, "memfd") != 0 || image.stride != ROW)
		bench_fail("drawn into %s, stride %u", image.exporter, image.stride);
	draw(&image);
	waybuf_buffer_v1_unmap(image.buffer);
	bench_client_sync(&client);
	double start = bench_now_us();
	struct waybuf_attachment_v1 *attachment =
		bench_image_attach(&image, WAYBUF_ATTACHMENT_V1_KIND_OTHER, wish_strict);
	bench_client_wait(&client, &image.accepted, 2);
	double took = bench_now_us() - start;
	if (image.outcome != WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED)
		bench_fail("the image was not moved");
	waybuf_attachment_v1_destroy(attachment);
	bench_image_finish(&image);
	bench_client_sync(&client);
	bench_client_disconnect(&client);
	return took;
}

static char *map(int fd, size_t size, int protection)
{
	char *bytes = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	return bytes;
}

static double allocate_and_copy(void *data)
{
	const size_t from_size = (size_t)ROW * HEIGHT, to_size = (size_t)NEW_STRIDE * HEIGHT;
	int from_fd = memfd_create("bench", MFD_CLOEXEC);
	if (from_fd < 0 || ftruncate(from_fd, (off_t)from_size) < 0)
		bench_fail("memfd: %s", strerror(errno));
	char *drawn = map(from_fd, from_size, PROT_READ | PROT_WRITE);
	memset(drawn, 0x5a, from_size);
	munmap(drawn, from_size);
	double start = bench_now_us();
	int to_fd = bench_heap_alloc(to_size);
	char *from = map(from_fd, from_size, PROT_READ);
	char *to = map(to_fd, to_size, PROT_READ | PROT_WRITE);
	for (size_t y = 0; y < HEIGHT; y++)
		memcpy(to + y * NEW_STRIDE, from + y * ROW, ROW);
	munmap(to, to_size);
	munmap(from, from_size);
	double took = bench_now_us() - start;
	close(to_fd);
	close(from_fd);
	return took;
}

int main(void)
{
	struct bench_server server;
	bench_init("bench-migrate", 120);
	bench_server_start(&server, NULL);
	struct bench_pair pair = bench_compare(ROUNDS, migrate, allocate_and_copy, &server);
	bench_print_ratio("migrate_1080p", pair.value, "us", pair.floor, 1.1);
	bench_server_stop(&server);
	return 0;
}
