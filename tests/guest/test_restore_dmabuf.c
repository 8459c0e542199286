/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/account.h"
#include "proto/restore_kit.h"

/* Restarts with dma-bufs of the kernel's. */

static const struct fixture_server_options both = {.exporters = "memfd,udmabuf"};
static const struct fixture_server_options udmabuf = {.exporters = "udmabuf"};

static void need_udmabuf(void)
{
	if (access("/dev/udmabuf", R_OK | W_OK) < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
}

/* The first pixel of the second row, which pread() does not give of a dma-buf. */
static uint32_t *map_pixel(int fd, uint32_t stride)
{
	char *address = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(address, MAP_FAILED);
	return (uint32_t *)(address + stride);
}

static uint32_t read_pixel(int fd, uint32_t stride)
{
	uint32_t *pixel = map_pixel(fd, stride), value = *pixel;
	munmap((char *)pixel - stride, 4096);
	return value;
}

static void write_pixel(int fd, uint32_t stride, uint32_t value)
{
	uint32_t *pixel = map_pixel(fd, stride);
	*pixel = value;
	munmap((char *)pixel - stride, 4096);
}

static void commit_udmabuf(struct fixture_attachment *attachment)
{
	static const char *const heap = "udmabuf";
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_heaps(builder, &heap, 1);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_commit(attachment, builder);
}

/* A has shared memory, and B the dma-buf that was wrapped around its pages; then the server dies. */
static void wrap_and_die(struct race *r, struct keepsake *a, struct keepsake *b)
{
	need_udmabuf();
	kit_start(r, &both);
	side_open(r, &r->a, 1);
	side_draw(&r->a, 1);
	ck_assert_str_eq(r->a.buffer.exporter, "memfd");
	side_keep(&r->a, a);
	side_join(r, &r->b, side_token(&r->a, 1));
	raw_attachment_create(&r->b.pool, &r->b.attachment, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	commit_udmabuf(&r->b.attachment);
	raw_buffer_get(&r->b.attachment, &r->b.buffer, 0);
	r->b.attached = true;
	side_map(&r->b, READ);
	ck_assert_str_eq(r->b.buffer.exporter, "udmabuf");
	ck_assert_uint_eq(r->b.buffer.generation, 2);
	side_keep(&r->b, b);
	side_close(&r->a);
	side_close(&r->b);
	kit_restart(r, NULL);
}

/* The old one is given back first, and punched out when the new one comes, whose pages it has. */
TEST(pages_of_two_generations)
{
	struct race r;
	struct keepsake a, b;
	wrap_and_die(&r, &a, &b);
	write_pixel(b.fd, b.stride, 7);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), 0);
	side_attach_cpu(&r.a);
	side_map(&r.a, READ);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	client_wait(&r.a.client, &r.a.buffer.retired, 1);
	side_map(&r.a, WRITE);
	ck_assert_uint_eq(r.a.buffer.generation, 2);
	ck_assert_str_eq(r.a.buffer.exporter, "udmabuf");
	ck_assert_uint_eq(read_pixel(r.a.buffer.fd, r.a.buffer.stride[0]), 7);
	/* paid for once */
	ck_assert_uint_eq(side_bytes(&r.a) + side_bytes(&r.b), r.a.buffer.size);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_close(&r.a);
	side_close(&r.b);
	keepsake_close(&a);
	keepsake_close(&b);
	kit_finish(&r);
}

static int make_dmabuf(size_t size)
{
	int memfd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(memfd, 0);
	ck_assert_int_eq(ftruncate(memfd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int fd = ioctl(device, UDMABUF_CREATE, &create);
	close(device);
	close(memfd);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void refused(struct side *side, int fd, const struct keepsake *k, const char *why)
{
	ck_assert_uint_eq(side_offer(side, fd, k->ticket, k->size), WAYBUF_REASON_BAD_TICKET);
	side_said(side, why);
	ck_assert_uint_eq(side_bytes(side), 0);
	close(fd);
}

TEST(other_files_are_refused)
{
	struct race r;
	struct keepsake k;
	need_udmabuf();
	kit_start(&r, &udmabuf);
	side_open(&r, &r.a, 1);
	side_map(&r.a, WRITE);
	ck_assert_str_eq(r.a.buffer.exporter, "udmabuf");
	write_pixel(r.a.buffer.fd, r.a.buffer.stride[0], 0x5eed);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	size_t size = r.a.buffer.size;
	side_keep(&r.a, &k);
	side_close(&r.a);
	kit_restart(&r, NULL);
	side_resume(&r, &r.a, &k);
	int memfd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(memfd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	refused(&r.a, memfd, &k, "no dma-buf");
	refused(&r.a, open("/dev/null", O_RDWR | O_CLOEXEC), &k, "no dma-buf");
	refused(&r.a, make_dmabuf(4096), &k, "smaller");
	refused(&r.a, make_dmabuf(16 * 4096), &k, "another file");
	ck_assert_uint_eq(side_restore(&r.a, &k), 0);
	side_attach_cpu(&r.a);
	side_map(&r.a, READ);
	ck_assert_uint_eq(read_pixel(r.a.buffer.fd, r.a.buffer.stride[0]), 0x5eed);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_close(&r.a);
	keepsake_close(&k);
	kit_finish(&r);
}

TEST_TIMEOUT(60)
TEST_MAIN("restore-dmabuf")
