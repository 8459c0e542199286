/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <wayland-client.h>

#include <waybuf/client.h>

#include "fake/sync.h"
#include "lore.h"
#include "message.h"
#include "peer.h"

#include "linux-dmabuf-v1-client-protocol.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "waybuf-allocator-v1-client-protocol.h"

/*
 * The client library and a server that means no good: a program of calls, and whenever the library
 * waits for something, the next of the server's events. The clock is ours, so that no wait takes
 * time, and when the server has nothing more to say the connection ends.
 */
#define N_POOLS 2

static struct {
	struct fuzz_input input;
	struct lore lore;
	struct peer server;
	uint64_t now_ms;
	/* what the server has answered by itself */
	bool offered, batched;
	uint8_t how;
	int drm_fd;

	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_surface *surface;
	struct waybuf_client *client;
	struct waybuf_client_pool *pools[N_POOLS];
	struct waybuf_client_swapchain *chain;
	/* acquired, and of whom */
	struct waybuf_client_buffer *buffer;
	int holder; /* index of a pool; N_POOLS: the chain */
} world;

static const struct wl_interface *const known[] = {
	&wl_compositor_interface,
	&zwp_linux_dmabuf_v1_interface,
	&wp_linux_drm_syncobj_manager_v1_interface,
	&waybuf_allocator_v1_interface,
	NULL,
};

/* ---- the server ---------------------------------------------------------------------------- */

/* Of linux-dmabuf version 3, too, where buffers are imported whatever was listed. */
static void offer(uint32_t registry)
{
	static const uint32_t versions[] = {4, 5, 1, 1};
	for (uint32_t i = 0; known[i]; i++)
		if (i == 0 || world.how & 1 << i)
			peer_say_global(&world.server, registry, i + 1, known[i],
				i == 1 && world.how & 1 ? 3 : versions[i]);
	world.offered = true;
}

/* Without which there is no pool, and nothing to attack. */
static void begin_batch(uint32_t allocator)
{
	struct message message;
	message_begin(&message, allocator, 0);
	message_word(&message, world.how >> 4 & 15);
	message_send(&message, &world.server);
	message_begin(&message, allocator, 3);
	message_send(&message, &world.server);
	world.batched = true;
}

static void answer(void)
{
	uint32_t id;
	peer_hear(&world.server);
	id = peer_find(&world.server, &wl_registry_interface);
	if (id && !world.offered)
		offer(id);
	id = peer_find(&world.server, &waybuf_allocator_v1_interface);
	if (id && !world.batched)
		begin_batch(id);
	while ((id = peer_find(&world.server, &wl_callback_interface)))
		peer_say_done(&world.server, id);
}

/*
 * Up to four, of which one that brings an object is the last, be its id a new one or that of an object
 * which is gone: libwayland (1.23) makes a proxy of 96 bytes when it reads the event, and if what was
 * read along with it breaks the connection before it is told, or its receiver is destroyed, nobody
 * ever hears of the proxy, and nobody can free it.
 */
static void say_some(int n)
{
	while (n-- > 0 && !peer_say(&world.server, &world.input))
		;
}

static void attack(void)
{
	uint8_t what = fuzz_u8(&world.input);
	size_t size;
	if (what < 240) {
		say_some((what & 3) + 1);
		return;
	}
	const uint8_t *bytes = fuzz_bytes(&world.input, fuzz_u8(&world.input), &size);
	peer_say_bytes(&world.server, bytes, size, what & 7);
}

/* Put in place of the library's own by the linker. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	bool of_server = world.display && n > 0 && fds[0].fd == wl_display_get_fd(world.display);
	if (of_server)
		answer();
	int ready = __real_poll(fds, n, 0);
	if (ready != 0 || timeout == 0)
		return ready;
	/* nothing may wait for ever */
	FUZZ_CHECK(timeout > 0);
	world.now_ms += (uint64_t)timeout;
	if (!of_server)
		return 0;
	if (world.input.left > 0)
		attack();
	else
		peer_finish(&world.server);
	return __real_poll(fds, n, 0);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	*now = (struct timespec){
		.tv_sec = (time_t)(world.now_ms / 1000),
		.tv_nsec = (long)(world.now_ms % 1000) * 1000000,
	};
	return 0;
}

/* ---- what it has to say -------------------------------------------------------------------- */

static void give_planes(struct lore *lore)
{
	static const struct waybuf_plane one[] = {{0, 0, 256, 32}};
	static const struct waybuf_plane two[] = {{0, 0, 64, 32}, {0, 2048, 64, 16}};
	static const struct waybuf_plane beyond[] = {{0, 4096, 256, 1024}};
	lore_give_array(lore, one, sizeof(one));
	lore_give_array(lore, two, sizeof(two));
	lore_give_array(lore, beyond, sizeof(beyond));
	lore_give_array(lore, "", 0);
	uint8_t ticket[256] = {1};
	lore_give_array(lore, ticket, sizeof(ticket));
	lore_give_string(lore, "memfd");
	lore_give_string(lore, "");
}

static void give_files(struct lore *lore)
{
	static const size_t sizes[] = {8192, 65536, 4096, 0};
	int fence = fake_fence();
	for (int i = 0; i < 4; i++) {
		int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)sizes[i]) == 0);
		lore_give_fd(lore, fd);
	}
	int dmabuf = fake_dmabuf_open();
	FUZZ_CHECK(ftruncate(dmabuf, 8192) == 0);
	lore_give_fd(lore, dmabuf);
	lore_give_fd(lore, open("/dev/null", O_RDWR | O_CLOEXEC));
	lore_give_fd(lore, fake_sync_file(&fence, 1));
	lore_give_fd(lore, fake_sync_file(NULL, 0));
}

/* ---- the program --------------------------------------------------------------------------- */

static void make_pool(int i)
{
	uint8_t how = fuzz_u8(&world.input);
	const struct waybuf_client_pool_options options = {
		.width = 64,
		.height = 32,
		.count = how & 3,
		.name = "fuzz",
		.display = how & 4,
	};
	if (!world.pools[i])
		waybuf_client_pool_create(world.client, &options, &world.pools[i]);
}

static void destroy_pool(int i)
{
	if (world.holder == i)
		world.buffer = NULL;
	waybuf_client_pool_destroy(world.pools[i]);
	world.pools[i] = NULL;
}

static void acquire(int i)
{
	int fence = -1;
	world.holder = i;
	if (i < N_POOLS && world.pools[i])
		waybuf_client_pool_acquire(world.pools[i], 100, &world.buffer);
	else if (i == N_POOLS && world.chain &&
		waybuf_client_swapchain_acquire(world.chain, 100, &world.buffer, &fence) == 0 &&
		fence >= 0)
		close(fence);
}

/* Touches all that it is told it may touch. */
static void draw(void)
{
	struct waybuf_client_image image;
	if (waybuf_client_buffer_begin_cpu(world.buffer, WAYBUF_READ_WRITE, &image) < 0)
		return;
	for (uint32_t i = 0; i < image.n_planes; i++)
		memset(image.planes[i].data, 1,
			(size_t)image.planes[i].stride * image.planes[i].rows);
	waybuf_client_buffer_end_cpu(world.buffer);
}

static void give_back(uint8_t how)
{
	int ret;
	if (how & 1)
		ret = waybuf_client_buffer_release(world.buffer);
	else if (world.holder == N_POOLS)
		ret = waybuf_client_swapchain_submit(
			world.chain, world.buffer, how & 2 ? fake_sync_file(NULL, 0) : -1);
	else
		ret = waybuf_client_buffer_present(world.buffer, world.surface);
	if (ret == 0)
		world.buffer = NULL;
}

static void make_chain(void)
{
	const struct waybuf_client_swapchain_options options = {
		.pool = {.width = 64, .height = 32, .count = 2},
		.surface = world.surface,
		.drm_fd = world.drm_fd,
	};
	if (!world.chain)
		waybuf_client_swapchain_create(world.client, &options, &world.chain);
}

static void destroy_chain(void)
{
	if (world.holder == N_POOLS)
		world.buffer = NULL;
	waybuf_client_swapchain_destroy(world.chain);
	world.chain = NULL;
}

static void explain(int i)
{
	char *text = NULL;
	if (world.pools[i] && waybuf_client_pool_explain(world.pools[i], 100, &text) == 0)
		free(text);
}

static void step(void)
{
	uint8_t what = fuzz_u8(&world.input);
	switch (what % 12) {
	case 0:
		make_pool(what / 12 % N_POOLS);
		return;
	case 1:
	case 2:
		if (!world.buffer)
			acquire(what / 12 % (N_POOLS + 1));
		return;
	case 3:
		if (world.buffer)
			draw();
		return;
	case 4:
	case 5:
		if (world.buffer)
			give_back(what / 12);
		return;
	case 6:
		explain(what / 12 % N_POOLS);
		return;
	case 7:
		make_chain();
		return;
	case 8:
		if (world.chain && !world.buffer)
			waybuf_client_swapchain_resize(world.chain, 32 + what / 12, 32);
		return;
	case 9:
		destroy_pool(what / 12 % N_POOLS);
		return;
	case 10:
		destroy_chain();
		return;
	default:
		waybuf_client_dispatch(world.client, what / 12);
		return;
	}
}

/* ---- life ---------------------------------------------------------------------------------- */

static void ignore_log(const char *format, va_list args) {}

static void connect_ends(void)
{
	int fds[2];
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	peer_init(&world.server, fds[1], true, &world.lore, known);
	world.offered = world.batched = false;
	world.display = wl_display_connect_to_fd(fds[0]);
	FUZZ_CHECK(world.display);
}

static void make_surface(void)
{
	world.registry = wl_display_get_registry(world.display);
	world.compositor = wl_registry_bind(world.registry, 1, &wl_compositor_interface, 4);
	world.surface = wl_compositor_create_surface(world.compositor);
}

static void disconnect(struct wl_display *display)
{
	wl_surface_destroy(world.surface);
	wl_compositor_destroy(world.compositor);
	wl_registry_destroy(world.registry);
	wl_display_disconnect(display);
	peer_finish(&world.server);
}

static void run(void)
{
	connect_ends();
	if (waybuf_client_connect_to_display(world.display, &world.client) < 0) {
		wl_display_disconnect(world.display);
		peer_finish(&world.server);
		return;
	}
	make_surface();
	while (world.input.left > 0 && waybuf_client_dispatch(world.client, 0) >= 0)
		step();
	waybuf_client_error(world.client);
	destroy_chain();
	for (int i = 0; i < N_POOLS; i++)
		destroy_pool(i);
	waybuf_client_destroy(world.client);
	disconnect(world.display);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof(world));
	world.input = (struct fuzz_input){data, size};
	world.how = fuzz_u8(&world.input) | 8;
	world.now_ms = 1000;
	wl_log_set_handler_client(ignore_log);
	fake_sync_init();
	world.drm_fd = fake_syncobj_device();
	give_planes(&world.lore);
	give_files(&world.lore);
	run();
	lore_finish(&world.lore);
	close(world.drm_fd);
	FUZZ_CHECK(fake_count_sync_files() == 0);
	FUZZ_CHECK(fake_count_handles() == 0);
	fake_sync_finish();
	fuzz_check_fds();
	return 0;
}
