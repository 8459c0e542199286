/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "client.h"

/*
 * The first map of a declared 1920x1080 XRGB8888 buffer, from the request to the grant: that is
 * when its memory is made. The floor is that memory made by the bench itself, in the system calls
 * that the exporter needs and no others, and two round trips. A machine may lack the devices, and
 * has memfds in any case.
 */
#define WIDTH 1920
#define HEIGHT 1080
#define ROUNDS 41

struct world {
	struct bench_server server;
	struct bench_client client;
	const char *exporter;
	size_t size;
	int (*allocate)(size_t size);
};

/* As a client of its own, so that nothing is there that it had before. */
static void declare(struct world *w, struct bench_client *client, struct bench_image *image)
{
	bench_client_connect(client, &w->server);
	bench_image_init(client, image, WIDTH, HEIGHT, bench_wish_cpu);
	bench_client_wait(client, &image->accepted, 1);
}

static void leave(struct bench_client *client, struct bench_image *image)
{
	bench_image_finish(image);
	bench_client_sync(client);
	bench_client_disconnect(client);
}

static double first_map(void *data)
{
	struct world *w = data;
	struct bench_client client;
	struct bench_image image;
	declare(w, &client, &image);
	double start = bench_now_us();
	bench_image_map(&image, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	double took = bench_now_us() - start;
	if (strcmp(image.exporter, w->exporter) != 0)
		bench_fail("memory from %s, not from %s", image.exporter, w->exporter);
	w->size = image.size;
	waybuf_buffer_v1_unmap(image.buffer);
	leave(&client, &image);
	return took;
}

/*
 * Its memory goes back a round later, as the server's does, which learns of the client's end when
 * the round is over: the kernel gives the pages that were freed last, warm as they are.
 */
static double allocate_and_trip(void *data)
{
	static int last = -1;
	struct world *w = data;
	double start = bench_now_us();
	int fd = w->allocate(w->size);
	bench_client_sync(&w->client);
	bench_client_sync(&w->client);
	double took = bench_now_us() - start;
	if (last >= 0)
		close(last);
	last = fd;
	return took;
}

/* Without pages, which come with the ioctl of udmabuf. */
static int make_memfd(size_t size)
{
	int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		bench_fail("a memfd of %zu bytes: %s", size, strerror(errno));
	return fd;
}

static int allocate_udmabuf(size_t size)
{
	static int device = -1;
	if (device < 0)
		device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int memfd = make_memfd(size);
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};
	int fd = ioctl(device, UDMABUF_CREATE, &create);
	if (fd < 0)
		bench_fail("/dev/udmabuf: %s", strerror(errno));
	close(memfd);
	return fd;
}

static int allocate_memfd(size_t size)
{
	int fd = make_memfd(size);
	if (fallocate(fd, 0, 0, (off_t)size) < 0)
		bench_fail("fallocate: %s", strerror(errno));
	return fd;
}

static void trace_first_map(void *data)
{
	first_map(data);
}

static void trace_declare(void *data)
{
	struct bench_client client;
	struct bench_image image;
	declare(data, &client, &image);
	leave(&client, &image);
}

/* @kind is the exporter, as WAYBUF_EXPORTERS has it, and @exporter its memory, as a grant has it. */
static void measure(const char *kind, const char *exporter, int (*allocate)(size_t size))
{
	struct world w = {.exporter = exporter, .allocate = allocate};
	char name[32], text[64];
	snprintf(name, sizeof(name), "first_map_%s", kind);
	bench_server_start(&w.server, kind);
	bench_client_connect(&w.client, &w.server);
	first_map(&w); /* learns the size */
	struct bench_pair pair = bench_compare(ROUNDS, first_map, allocate_and_trip, &w);
	bench_print_ratio(name, pair.value, "us", pair.floor, 1);
	double calls = bench_trace_each(&w.server, 10, trace_first_map, &w);
	double floor = bench_trace_each(&w.server, 10, trace_declare, &w);
	snprintf(text, sizeof(text), "%s_syscalls", name);
	bench_print_value(text, calls - floor, "calls", NAN, NAN);
	bench_client_disconnect(&w.client);
	bench_server_stop(&w.server);
}

static bool has(const char *device)
{
	if (access(device, R_OK | W_OK) == 0)
		return true;
	fprintf(stderr, "%s: %s\n", device, strerror(errno));
	return false;
}

int main(void)
{
	bench_init("bench-first-map", 120);
	if (has("/dev/dma_heap/system"))
		measure("heap", "heap system", bench_heap_alloc);
	if (has("/dev/udmabuf"))
		measure("udmabuf", "udmabuf", allocate_udmabuf);
	measure("memfd", "memfd", allocate_memfd);
	return 0;
}
