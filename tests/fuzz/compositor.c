/* SPDX-License-Identifier: MIT */
#include "compositor.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <wayland-server.h>

#include "allocator.h"
#include "client.h"
#include "fence/syncobj.h"
#include "linux-dmabuf-v1-server-protocol.h"
#include "linux-drm-syncobj-v1-server-protocol.h"
#include "lore.h"
#include "util/fd.h"

static const struct wl_interface *const known[] = {
	&wl_compositor_interface,
	&wl_shm_interface,
	&zwp_linux_dmabuf_v1_interface,
	&wp_linux_drm_syncobj_manager_v1_interface,
	&waybuf_allocator_v1_interface,
	&waybuf_monitor_v1_interface,
	NULL,
};

/* ---- surfaces: what a host does in wl_surface.commit ---------------------------------------- */

struct frame {
	struct waybuf_use *use;
};

/* Found by its listener, as the fixture's surfaces know nothing of it. */
struct surface {
	struct waybuf_gate_queue *queue;
	struct frame *shown;
	struct wl_listener destroy;
};

static struct compositor *running;

static void frame_destroy(struct frame *frame)
{
	if (!frame)
		return;
	waybuf_use_end(frame->use, NULL);
	free(frame);
}

static void handle_ready(void *data)
{
	/* nobody shows it: it is latched and given back */
	struct frame *frame = data;
	struct waybuf_grant grant;
	if (frame->use && waybuf_use_latch(frame->use, &grant) == 0)
		FUZZ_CHECK(grant.layout);
	frame_destroy(frame);
}

static void handle_fold(void *older, void *newer)
{
	frame_destroy(older);
}

static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	struct frame *frame = data;
	waybuf_use_end(frame->use, NULL);
	frame->use = NULL;
}

static void handle_cancel(void *data)
{
	frame_destroy(data);
}

static const struct waybuf_gate_ops gate_ops = {
	.ready = handle_ready,
	.fold = handle_fold,
	.discard = handle_discard,
	.cancel = handle_cancel,
};

static void surface_gone(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, destroy);
	waybuf_gate_queue_destroy(surface->queue);
	frame_destroy(surface->shown);
	free(surface);
}

static struct surface *surface_get(struct wl_resource *resource)
{
	struct surface *surface;
	struct wl_listener *listener = wl_resource_get_destroy_listener(resource, surface_gone);
	if (listener)
		return wl_container_of(listener, surface, destroy);
	surface = calloc(1, sizeof(*surface));
	FUZZ_CHECK(surface && waybuf_gate_queue_create(running->gate, &surface->queue) == 0);
	surface->destroy.notify = surface_gone;
	wl_resource_add_destroy_listener(resource, &surface->destroy);
	return surface;
}

/* Shown until the next one comes: its buffer is in use, and its client may be gone meanwhile. */
static void show(struct surface *surface, struct frame *frame)
{
	struct waybuf_grant grant;
	if (frame->use)
		waybuf_use_latch(frame->use, &grant);
	if (surface->shown)
		waybuf_use_done(surface->shown->use, NULL);
	frame_destroy(surface->shown);
	surface->shown = frame;
}

static void handle_commit(struct fixture_server *fixture, struct wl_resource *buffer)
{
	if (!running->gate)
		return;
	struct surface *surface = surface_get(fixture->surface);
	struct frame *frame = calloc(1, sizeof(*frame));
	FUZZ_CHECK(frame);
	const struct waybuf_use_commit_info info = {
		.surface = fixture->surface,
		.attached = true,
		.buffer = buffer,
		.gate = running->gate,
		.queue = surface->queue,
		.commit = frame,
	};
	int ret = waybuf_use_commit(&info, &frame->use);
	if (ret == 1)
		show(surface, frame);
	else if (ret < 0)
		frame_destroy(frame);
}

/* ---- what the clients have ----------------------------------------------------------------- */

static int make_memfd(size_t size, int seals)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	FUZZ_CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

static int make_dmabuf(size_t size)
{
	int fd = fake_dmabuf_open();
	FUZZ_CHECK(ftruncate(fd, (off_t)size) == 0);
	return fd;
}

static void give_files(struct compositor *compositor)
{
	struct lore *lore = &compositor->lore;
	int pipe_fds[2];
	lore_give_fd(lore, make_dmabuf(65536));
	lore_give_fd(lore, make_dmabuf(4096));
	lore_give_fd(lore, make_memfd(65536, F_SEAL_SHRINK));
	lore_give_fd(lore, make_memfd(8192, 0));
	lore_give_fd(lore, make_memfd(4096, F_SEAL_SHRINK | F_SEAL_WRITE));
	lore_give_fd(lore, open("/dev/null", O_RDWR | O_CLOEXEC));
	FUZZ_CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
	lore_give_fd(lore, pipe_fds[0]);
	close(pipe_fds[1]);
	lore_give_fd(lore, eventfd(0, EFD_CLOEXEC));
}

static void give_fences(struct compositor *compositor)
{
	compositor->drm_fd = fake_syncobj_device();
	FUZZ_CHECK(waybuf_syncobj_device_create(compositor->drm_fd, &compositor->device) == 0);
	for (int i = 0; i < 2; i++) {
		int fd = -1;
		struct waybuf_syncobj **timeline = &compositor->timelines[i];
		FUZZ_CHECK(waybuf_syncobj_create(compositor->device, timeline) == 0);
		FUZZ_CHECK(waybuf_syncobj_export(*timeline, &fd) == 0);
		lore_give_fd(&compositor->lore, fd);
	}
	compositor->fences[compositor->n_fences++] = fake_fence();
	lore_give_fd(&compositor->lore, fake_sync_file(compositor->fences, 1));
	lore_give_fd(&compositor->lore, fake_sync_file(NULL, 0));
}

static void give_set(struct lore *lore, uint64_t access, const uint32_t *formats, size_t n,
	uint64_t modifier, uint64_t stride)
{
	size_t size;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, access);
	if (stride)
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, stride, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, formats, n, &modifier, 1);
	const void *records = waybuf_constraints_builder_records(builder, &size);
	lore_give_array(lore, records, size);
	waybuf_constraints_builder_destroy(builder);
}

static void give_words(struct compositor *compositor)
{
	static const uint32_t formats[] = {
		DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12, DRM_FORMAT_ARGB8888};
	struct lore *lore = &compositor->lore;
	const uint64_t cpu = WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE;
	const uint64_t dev = makedev(226, 128);
	give_set(lore, cpu, formats, 1, DRM_FORMAT_MOD_LINEAR, 0);
	give_set(lore, WAYBUF_ACCESS_CPU_READ, formats, 3, DRM_FORMAT_MOD_LINEAR, 192);
	give_set(lore, WAYBUF_ACCESS_RENDER, formats, 1, FIXTURE_TILED_MODIFIER, 0);
	give_set(lore, cpu, formats + 1, 1, DRM_FORMAT_MOD_LINEAR, 4096);
	lore_give_array(lore, &dev, sizeof(dev));
	lore_give_string(lore, "1");
	lore_give_string(lore, "2");
	lore_give_string(lore, "");
	lore_give_string(lore, "a name");
}

/* ---- time ---------------------------------------------------------------------------------- */

/* Put in place of libwayland's for us by the linker: no input takes a second. */
int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms);
int __real_wl_event_source_timer_update(struct wl_event_source *source, int ms);

int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms)
{
	return __real_wl_event_source_timer_update(source, running->hasty && ms > 0 ? 1 : ms);
}

/* ---- life ---------------------------------------------------------------------------------- */

/* libwayland tells of every bad message, which is most of what happens here. */
static void ignore_log(const char *format, va_list args) {}

static void start_syncobj(struct compositor *compositor)
{
	const struct waybuf_server_syncobj_options options = {.drm_fd = compositor->drm_fd};
	FUZZ_CHECK(waybuf_server_syncobj_create(
			   compositor->fixture.server, &options, &compositor->syncobj) == 0);
	FUZZ_CHECK(waybuf_server_gate_create(
			   compositor->fixture.server, &gate_ops, &compositor->gate) == 0);
}

/* Of a server that has lived before, so that tickets of that life can be forged. */
static void make_key(struct compositor *compositor, char *path, size_t size)
{
	struct ticket_key *key = NULL;
	compositor->key_fd = memfd_create("key", MFD_CLOEXEC);
	FUZZ_CHECK(fchmod(compositor->key_fd, 0600) == 0);
	snprintf(path, size, "/proc/self/fd/%d", compositor->key_fd);
	if (ticket_key_open(path, &key) == 0)
		ticket_key_close(key);
}

void compositor_init(struct compositor *compositor, struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input), more = fuzz_u8(input);
	char key[64];
	*compositor = (struct compositor){.key_fd = -1};
	running = compositor;
	wl_log_set_handler_server(ignore_log);
	fake_sync_init();
	fake_kernel.disorder = true;
	for (int i = 0; i < COMPOSITOR_CLIENTS; i++)
		compositor->peers[i].fd = -1;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		compositor->limits.max[i] = how & 1 ? 4 : 4096;
	compositor->hasty = how & 64;
	if (how & 2)
		make_key(compositor, key, sizeof(key));
	const struct fixture_server_options options = {
		.limits = &compositor->limits,
		.integrated = how & 4,
		.context = how & 8 ? "sandbox" : NULL,
		.device = true,
		.import_result = how & 16 ? -EINVAL : 0,
		.device_result = how & 32 ? -EINVAL : 0,
		.ticket_file = how & 2 ? key : NULL,
		.dmabuf_version = more % 8,
		.pool_policy = more & 8 ? -EPERM : 0,
		.commit = handle_commit,
	};
	fixture_server_init(&compositor->fixture, &options);
	give_files(compositor);
	give_fences(compositor);
	give_words(compositor);
	start_syncobj(compositor);
}

static void disconnect_all(struct compositor *compositor)
{
	for (int i = 0; i < COMPOSITOR_CLIENTS; i++)
		peer_finish(&compositor->peers[i]);
	compositor_run(compositor);
}

static void finish_kernel(struct compositor *compositor)
{
	waybuf_syncobj_unref(compositor->timelines[0]);
	waybuf_syncobj_unref(compositor->timelines[1]);
	waybuf_syncobj_device_unref(compositor->device);
	lore_finish(&compositor->lore);
	close(compositor->drm_fd);
	if (compositor->key_fd >= 0)
		close(compositor->key_fd);
	FUZZ_CHECK(fake_count_sync_files() == 0);
	FUZZ_CHECK(fake_count_handles() == 0);
	fake_sync_finish();
}

void compositor_finish(struct compositor *compositor, struct fuzz_input *input)
{
	if (fuzz_u8(input) & 1) {
		/* the server first, and clients to whom everything is inert */
		wl_display_destroy_clients(compositor->fixture.display);
	} else {
		disconnect_all(compositor);
		FUZZ_CHECK(wl_list_empty(&compositor->fixture.server->clients));
		FUZZ_CHECK(wl_list_empty(&compositor->fixture.server->pools));
	}
	waybuf_gate_destroy(compositor->gate);
	compositor->gate = NULL;
	fixture_server_finish(&compositor->fixture);
	for (int i = 0; i < COMPOSITOR_CLIENTS; i++)
		peer_finish(&compositor->peers[i]);
	finish_kernel(compositor);
}

struct peer *compositor_client(struct compositor *compositor, unsigned index)
{
	struct peer *peer = &compositor->peers[index % COMPOSITOR_CLIENTS];
	if (peer->fd >= 0)
		return peer;
	peer_finish(peer);
	int fd = fixture_server_connect(&compositor->fixture, NULL);
	peer_init(peer, fd, false, &compositor->lore, known);
	peer_get_registry(peer);
	compositor_run(compositor);
	peer_bind_all(peer);
	return peer;
}

/* Turns of the loop: requests, the jobs that they make, and what these lead to. */
#define TURNS 6

void compositor_run(struct compositor *compositor)
{
	for (int i = 0; i < TURNS; i++) {
		fixture_server_dispatch(&compositor->fixture, 0);
		for (int k = 0; k < COMPOSITOR_CLIENTS; k++)
			if (compositor->peers[k].fd >= 0)
				peer_hear(&compositor->peers[k]);
	}
}

/* ---- events -------------------------------------------------------------------------------- */

static void add_fence(struct compositor *compositor)
{
	if (compositor->n_fences == COMPOSITOR_FENCES)
		return;
	int *fence = &compositor->fences[compositor->n_fences++];
	*fence = fake_fence();
	struct lore *lore = &compositor->lore;
	/* in the place of the one that was given */
	unsigned i = lore->given_fds - 2;
	close(lore->fds[i]);
	lore->fds[i] = fake_sync_file(fence, 1);
}

static void settle_fence(struct compositor *compositor, int status)
{
	if (compositor->n_settled < compositor->n_fences)
		fake_fence_settle(compositor->fences[compositor->n_settled++], status, 1);
}

static void move_timeline(struct compositor *compositor, struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input);
	uint64_t point = 1 + fuzz_u8(input);
	waybuf_syncobj_signal(compositor->timelines[how & 1], point);
}

static void remove_device(struct compositor *compositor)
{
	waybuf_server_remove_device(compositor->fixture.server, compositor->fixture.device);
	compositor->fixture.device = 0;
}

/* A host that withdraws a global and goes on. */
static void withdraw(struct compositor *compositor, uint8_t what)
{
	struct fixture_server *fixture = &compositor->fixture;
	if (what == 0) {
		waybuf_server_dmabuf_destroy(fixture->dmabuf);
		fixture->dmabuf = NULL;
	} else if (what == 1) {
		waybuf_server_allocator_destroy(fixture->allocator);
		fixture->allocator = NULL;
	} else if (what == 2) {
		waybuf_server_monitor_destroy(fixture->monitor);
		fixture->monitor = NULL;
	} else {
		waybuf_server_syncobj_destroy(compositor->syncobj);
		compositor->syncobj = NULL;
	}
}

/* Clients can cut off what they have given away. */
static void truncate_file(struct compositor *compositor, struct fuzz_input *input)
{
	uint8_t which = fuzz_u8(input), pages = fuzz_u8(input);
	struct lore *lore = &compositor->lore;
	if (ftruncate(lore->fds[which % lore->n_fds], (off_t)pages % 32 * 4096) < 0)
		return;
}

static void change_feedback(struct compositor *compositor, struct fuzz_input *input)
{
	static const struct waybuf_dmabuf_pair pair = {DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR};
	static const struct waybuf_tranche tranche = {
		.target = 0xe280, .pairs = &pair, .n_pairs = 1};
	static const struct waybuf_feedback feedback = {
		.main_device = 0xe280, .tranches = &tranche, .n_tranches = 1};
	struct fixture_server *fixture = &compositor->fixture;
	uint8_t how = fuzz_u8(input);
	if (!fixture->dmabuf)
		return;
	if (how & 1)
		waybuf_server_dmabuf_set_feedback(
			fixture->dmabuf, how & 2 ? &feedback : &fixture_feedback);
	else if (fixture->surface)
		waybuf_server_dmabuf_set_surface_feedback(
			fixture->dmabuf, fixture->surface, how & 2 ? &feedback : NULL);
}

/*
 * A ticket of the server's former life, with its seal, about one of the files: right as a whole, or
 * with a field that nobody would have sealed.
 */
static void forge_ticket(struct compositor *compositor, struct fuzz_input *input)
{
	struct fixture_server *fixture = &compositor->fixture;
	uint8_t index = fuzz_u8(input), flags = fuzz_u8(input), wrong = fuzz_u8(input);
	int fd = compositor->lore.fds[index / 16 % compositor->lore.n_fds];
	struct ticket ticket = {
		.epoch = 1,
		.flags = flags & 7,
		.uid = geteuid(),
		.pool = {(uint8_t)(flags >> 6)},
		.config_epoch = 1,
		.config = 1,
		.width = 64,
		.height = 32,
		.count = 2,
		.name = "forged",
		.index = index & 1,
		.rank_epoch = 1,
		.rank_generation = 1 + (flags >> 3 & 3),
		.layout = {.generation = 1,
			.width = 64,
			.height = 32,
			.format = DRM_FORMAT_XRGB8888,
			.n_planes = 1,
			.n_memory = 1,
			.planes = {{.stride = 256, .rows = 32}}},
	};
	struct waybuf_memory *memory = &ticket.layout.memory[0];
	memory->size = 8192;
	memory->kind = WAYBUF_MEMORY_MEMFD;
	uint32_t *const fields[] = {&ticket.epoch, &ticket.uid, &ticket.config_epoch,
		&ticket.config, &ticket.width, &ticket.height, &ticket.count, &ticket.index,
		&ticket.rank_epoch, &ticket.rank_generation, &ticket.layout.generation,
		&ticket.layout.width, &ticket.layout.height, &ticket.layout.format,
		&ticket.layout.n_planes, &ticket.layout.planes[0].offset,
		&ticket.layout.planes[0].stride, &ticket.layout.planes[0].rows};
	if (wrong < sizeof(fields) / sizeof(fields[0]))
		*fields[wrong] = fuzz_u8(input);
	/* as many as sealing reads */
	ticket.layout.n_planes %= WAYBUF_MAX_PLANES + 1;
	if (wrong == 255)
		memory->kind = WAYBUF_MEMORY_DMABUF;
	if (!fixture->allocator || !fixture->allocator->key || fd_identify(fd, &ticket.id) < 0)
		return;
	uint8_t sealed[TICKET_SIZE];
	ticket_exporter("memfd", ticket.exporter);
	ticket_context(fixture->options.context, ticket.context);
	ticket_seal(fixture->allocator->key, &ticket, sealed);
	lore_hear_array(&compositor->lore, sealed, sizeof(sealed));
}

static void let_time_pass(struct compositor *compositor)
{
	if (compositor->hasty)
		usleep(1200);
}

void compositor_event(struct compositor *compositor, struct fuzz_input *input)
{
	uint8_t what = fuzz_u8(input);
	switch (what % 14) {
	case 12:
		forge_ticket(compositor, input);
		return;
	case 13:
		let_time_pass(compositor);
		return;
	case 0:
	case 1:
		add_fence(compositor);
		return;
	case 2:
		settle_fence(compositor, 1);
		return;
	case 3:
		settle_fence(compositor, -EIO);
		return;
	case 4:
	case 5:
		move_timeline(compositor, input);
		return;
	case 6:
		remove_device(compositor);
		return;
	case 7:
		withdraw(compositor, fuzz_u8(input) & 3);
		return;
	case 8:
		truncate_file(compositor, input);
		return;
	case 9:
		change_feedback(compositor, input);
		return;
	case 10:
		compositor->fixture.options.import_result = what & 64 ? -EINVAL : 0;
		compositor->fixture.options.device_result = what & 128 ? -EINVAL : 0;
		return;
	default:
		fake_kernel.fail_in = 1 + fuzz_u8(input) % 16;
		fake_kernel.fail_errno = ENOMEM;
		return;
	}
}
