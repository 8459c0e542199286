/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture_client.h"

/*
 * Clients that send anything, in any order: each request is made from its signature, with arguments
 * that are sometimes sensible, often at the edge, and otherwise random. When the server has had
 * enough of one and ends it, the next one comes. Meanwhile the compositor's half goes on using what
 * was committed. The test is that nothing crashes, leaks or hangs, which the sanitizers, the
 * harness and the time limit see.
 */
#define CLIENTS 150
#define STEPS 300
#define MAX_OBJECTS 200
#define MAX_USES 4

/* An object, and the little that a client has to know in order not to err. */
struct object {
	struct wl_proxy *proxy;
	bool mapped, pending;
	uint32_t children;
};

struct hostile {
	struct fixture_server server;
	struct fixture_client client;
	uint64_t seed;
	struct object objects[MAX_OBJECTS];
	unsigned n_objects;
	struct waybuf_use *uses[MAX_USES];
	/* of 1000 arguments so many are evil; some clients are nearly good, and so get far */
	uint64_t evil;
	unsigned requests, errors;
};

static uint64_t pick(struct hostile *h, uint64_t n)
{
	return harness_random(&h->seed) % n;
}

static bool is_evil(struct hostile *h)
{
	return pick(h, 1000) < h->evil;
}

static void keep(struct hostile *h, struct wl_proxy *proxy);

/* Every event of every object: fds are closed, objects that the server made are used, too. */
static int dispatch(const void *implementation, void *target, uint32_t opcode,
	const struct wl_message *message, union wl_argument *args)
{
	struct hostile *h = wl_proxy_get_user_data(target);
	unsigned i = 0;
	for (const char *type = message->signature; *type; type++) {
		if (*type == 'h')
			close(args[i].h);
		else if (*type == 'n')
			keep(h, (struct wl_proxy *)args[i].o);
		i += *type >= 'a' && *type <= 'z';
	}
	return 0;
}

static void keep(struct hostile *h, struct wl_proxy *proxy)
{
	wl_proxy_add_dispatcher(proxy, dispatch, NULL, h);
	if (h->n_objects < MAX_OBJECTS)
		h->objects[h->n_objects++] = (struct object){.proxy = proxy};
	else
		ck_abort_msg("more objects than a client was to make");
}

static void forget(struct hostile *h, unsigned index)
{
	wl_proxy_destroy(h->objects[index].proxy);
	h->objects[index] = h->objects[--h->n_objects];
}

/* ---- arguments ----------------------------------------------------------------------------- */

/* What a good client might say. */
static uint32_t good_number(struct hostile *h, const char *request)
{
	if (strcmp(request, "create_pool") == 0 || strcmp(request, "reconfigure") == 0)
		return (uint32_t)pick(h, 63) + 1;
	if (strcmp(request, "get_buffer") == 0)
		return 0;
	if (strcmp(request, "map") == 0)
		return (uint32_t)pick(h, 3) + 1;
	if (strcmp(request, "add") == 0)
		return (uint32_t)pick(h, 2) * 256;
	if (strcmp(request, "create") == 0)
		return DRM_FORMAT_XRGB8888;
	return (uint32_t)pick(h, 3);
}

static uint32_t random_number(struct hostile *h, const char *request)
{
	static const uint32_t edges[] = {0, 1, 2, 3, 4, 63, 64, 65, 255, 256, 1024, 3600, 4095,
		65536, 65537, 0x7fffffff, 0x80000000, 0xffffffff, DRM_FORMAT_XRGB8888,
		DRM_FORMAT_NV12, DRM_FORMAT_YUV420};
	const uint64_t n = sizeof(edges) / sizeof(edges[0]);
	if (!is_evil(h))
		return good_number(h, request);
	uint64_t which = pick(h, n + 1);
	return which < n ? edges[which] : (uint32_t)harness_random(&h->seed);
}

static const char *random_string(struct hostile *h)
{
	static const char *const strings[] = {"", "1", "paint", "\xc3\xa9", "\xff",
		"00000000000000000000000000000000",
		"longer than what a name of a pool may have, which is sixty-four bytes in UTF-8"};
	return strings[is_evil(h) ? pick(h, sizeof(strings) / sizeof(strings[0])) : pick(h, 3)];
}

static int random_fd(struct hostile *h)
{
	switch (pick(h, 4)) {
	case 0:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 1:
		return open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	default:
		break;
	}
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(fd, (off_t)(pick(h, 8) * 4096)), 0);
	return fd;
}

/* Records that mean something, or bytes. */
static void random_array(struct hostile *h, struct wl_array *array)
{
	const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888};
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	wl_array_init(array);
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, harness_random(&h->seed) & 0x1ff);
	if (pick(h, 2))
		waybuf_constraints_builder_hold(builder, pick(h, 6) + 1);
	if (pick(h, 4) == 0)
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, pick(h, 512) + 1, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, formats, pick(h, 3), &modifier, 1);
	size_t size;
	const void *records = waybuf_constraints_builder_records(builder, &size);
	if (is_evil(h))
		size -= pick(h, size);
	char *place = wl_array_add(array, size);
	memcpy(place, records, size);
	if (is_evil(h))
		place[pick(h, size)] ^= (char)(1 << pick(h, 8));
	waybuf_constraints_builder_destroy(builder);
}

static struct wl_object *random_object(struct hostile *h, const struct wl_interface *interface)
{
	for (unsigned tries = 0; tries < 32 && h->n_objects; tries++) {
		struct wl_proxy *proxy = h->objects[pick(h, h->n_objects)].proxy;
		if (!interface || strcmp(wl_proxy_get_class(proxy), interface->name) == 0)
			return (struct wl_object *)proxy;
	}
	return NULL;
}

/* ---- requests ------------------------------------------------------------------------------ */

struct request {
	union wl_argument args[20];
	struct wl_array arrays[4];
	unsigned n_arrays;
	int fds[4];
	unsigned n_fds;
	const struct wl_interface *creates;
	bool possible;
};

static void fill_argument(struct hostile *h, struct request *request, const char *name, char type,
	bool nullable, const struct wl_interface *interface, union wl_argument *arg)
{
	switch (type) {
	case 'u':
	case 'i':
	case 'f':
		arg->u = random_number(h, name);
		break;
	case 's':
		arg->s = random_string(h);
		break;
	case 'a':
		arg->a = &request->arrays[request->n_arrays++];
		random_array(h, arg->a);
		break;
	case 'h':
		arg->h = request->fds[request->n_fds++] = random_fd(h);
		break;
	case 'n':
		arg->o = NULL;
		request->creates = interface;
		break;
	case 'o':
		arg->o = random_object(h, interface);
		request->possible &= arg->o || nullable;
		break;
	}
}

static void make_request(
	struct hostile *h, const struct wl_message *message, struct request *request)
{
	unsigned n = 0;
	bool nullable = false;
	*request = (struct request){.possible = true};
	for (const char *type = message->signature; *type; type++) {
		if (*type == '?')
			nullable = true;
		if (*type < 'a' || *type > 'z')
			continue;
		fill_argument(h, request, message->name, *type, nullable, message->types[n],
			&request->args[n]);
		nullable = false;
		n++;
	}
}

static const struct wl_interface *interface_of(struct wl_proxy *proxy)
{
	static const struct wl_interface *const all[] = {&wl_compositor_interface,
		&wl_surface_interface, &wl_buffer_interface, &waybuf_allocator_v1_interface,
		&waybuf_pool_v1_interface, &waybuf_attachment_v1_interface,
		&waybuf_buffer_v1_interface, &waybuf_timeline_v1_interface,
		&waybuf_report_v1_interface, &waybuf_monitor_v1_interface,
		&zwp_linux_dmabuf_v1_interface, &zwp_linux_buffer_params_v1_interface,
		&zwp_linux_dmabuf_feedback_v1_interface};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(wl_proxy_get_class(proxy), all[i]->name) == 0)
			return all[i];
	}
	ck_abort_msg("an object of interface %s", wl_proxy_get_class(proxy));
	return NULL;
}

/* Whether a good client sends this request now; it would be its end otherwise. */
static bool is_proper(struct object *object, const struct wl_interface *interface, const char *name)
{
	static const char *const deadly[] = {"import_timeline", "unmap_fence", "create_immed",
		"create", "add", "get_surface_feedback"};
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		if (strcmp(name, deadly[i]) == 0)
			return false;
	}
	if (interface == &waybuf_buffer_v1_interface) {
		bool is_map = strcmp(name, "map") == 0;
		if (is_map || strcmp(name, "destroy") == 0)
			return !object->mapped;
		return strcmp(name, "unmap") != 0 || object->mapped;
	}
	if (strcmp(name, "constrain") == 0)
		return !object->pending;
	if (strcmp(name, "get_buffer") == 0)
		return object->children == 0;
	return strcmp(name, "destroy") != 0 || object->children == 0;
}

static void note_request(struct object *object, const char *name)
{
	if (strcmp(name, "map") == 0)
		object->mapped = true;
	else if (strncmp(name, "unmap", 5) == 0)
		object->mapped = false;
	else if (strcmp(name, "constrain") == 0)
		object->pending = true;
	else if (strcmp(name, "commit") == 0)
		object->pending = false;
	else if (strcmp(name, "get_buffer") == 0 || strcmp(name, "attach") == 0)
		object->children++;
}

/* The surfaces of the fixture have attach and commit only, and its compositor no regions. */
static bool is_served(const struct wl_interface *interface, const char *name)
{
	if (interface == &wl_compositor_interface)
		return strcmp(name, "create_surface") == 0;
	if (interface != &wl_surface_interface)
		return true;
	return strcmp(name, "attach") == 0 || strcmp(name, "commit") == 0 ||
		strcmp(name, "destroy") == 0;
}

static void release_request(struct request *request)
{
	for (unsigned i = 0; i < request->n_arrays; i++)
		wl_array_release(&request->arrays[i]);
	for (unsigned i = 0; i < request->n_fds; i++)
		close(request->fds[i]);
}

static void send_request(struct hostile *h, unsigned index)
{
	struct object *object = &h->objects[index];
	const struct wl_interface *interface = interface_of(object->proxy);
	if (interface->method_count == 0)
		return;
	uint32_t opcode = (uint32_t)pick(h, (uint64_t)interface->method_count);
	const struct wl_message *message = &interface->methods[opcode];
	bool destroys = strcmp(message->name, "destroy") == 0;
	/* what a client destroys at once it learns little about */
	if (!is_served(interface, message->name) || (destroys && pick(h, 10)))
		return;
	if (!is_proper(object, interface, message->name) && !is_evil(h))
		return;
	struct request request;
	make_request(h, message, &request);
	if (request.possible) {
		struct wl_proxy *made = wl_proxy_marshal_array_flags(object->proxy, opcode,
			request.creates, wl_proxy_get_version(object->proxy), 0, request.args);
		note_request(object, message->name);
		if (made)
			keep(h, made);
		if (destroys)
			forget(h, index);
		h->requests++;
	}
	release_request(&request);
}

/* ---- the compositor ------------------------------------------------------------------------ */

static void use_committed(struct hostile *h)
{
	struct waybuf_use **use = &h->uses[pick(h, MAX_USES)];
	struct waybuf_grant grant;
	if (*use) {
		if (waybuf_use_latch(*use, &grant) == 0)
			ck_assert_uint_gt(grant.layout->n_planes, 0);
		waybuf_use_end(*use, NULL);
		*use = NULL;
	} else if (h->server.committed) {
		ck_assert_int_eq(waybuf_use_begin(h->server.committed, use), 0);
	}
}

static void end_uses(struct hostile *h)
{
	for (int i = 0; i < MAX_USES; i++) {
		waybuf_use_end(h->uses[i], NULL);
		h->uses[i] = NULL;
	}
}

/* ---- clients ------------------------------------------------------------------------------- */

/* What the fixture has bound becomes fair game. */
static void begin_client(struct hostile *h)
{
	const uint64_t evils[] = {0, 1, 5, 20, 100, 500};
	h->evil = evils[pick(h, sizeof(evils) / sizeof(evils[0]))];
	client_init(&h->client, &h->server);
	h->n_objects = 0;
	struct waybuf_allocator_v1 *allocator = h->client.allocator;
	keep(h,
		(struct wl_proxy *)waybuf_allocator_v1_create_pool(
			allocator, 64, 48, 2, 0, "hostile"));
	keep(h, (struct wl_proxy *)waybuf_pool_v1_attach((void *)h->objects[0].proxy, 0, 0));
	keep(h, (struct wl_proxy *)wl_compositor_create_surface(h->client.compositor));
	keep(h, (struct wl_proxy *)zwp_linux_dmabuf_v1_create_params(h->client.dmabuf));
	keep(h, (struct wl_proxy *)zwp_linux_dmabuf_v1_get_default_feedback(h->client.dmabuf));
}

static void end_client(struct hostile *h)
{
	while (h->n_objects)
		forget(h, 0);
	client_finish(&h->client);
	fixture_server_set_committed(&h->server, NULL);
}

/* Requests on the globals create; those on what was created do the rest. */
static void step(struct hostile *h)
{
	if (h->n_objects)
		send_request(h, (unsigned)pick(h, h->n_objects));
	if (pick(h, 12) == 0 && h->n_objects < MAX_OBJECTS / 2)
		keep(h,
			(struct wl_proxy *)waybuf_monitor_v1_snapshot(h->client.monitor,
				random_number(h, "snapshot") % 6, random_string(h)));
	if (pick(h, 12) == 0)
		keep(h,
			(struct wl_proxy *)waybuf_allocator_v1_join_pool(
				h->client.allocator, random_string(h)));
	if (pick(h, 16) == 0)
		keep(h,
			(struct wl_proxy *)waybuf_allocator_v1_create_pool(h->client.allocator, 60,
				(uint32_t)pick(h, 64) + 1, 1 + (uint32_t)pick(h, 3), 0, ""));
	if (pick(h, 6) == 0)
		use_committed(h);
}

static void run_client(struct hostile *h)
{
	begin_client(h);
	for (int i = 0; i < STEPS && h->n_objects < MAX_OBJECTS - 8; i++) {
		step(h);
		if (pick(h, 8) == 0 && !client_sync(&h->client)) {
			h->errors++;
			break;
		}
	}
	/* some vanish with everything under way */
	if (pick(h, 4))
		client_sync(&h->client);
	end_client(h);
}

TEST(anything_in_any_order)
{
	struct hostile h = {.seed = harness_seed()};
	struct fixture_server_options options = {.integrated = true, .device = true};
	fixture_server_init(&h.server, &options);
	for (int i = 0; i < CLIENTS; i++)
		run_client(&h);
	end_uses(&h);
	printf("# %u requests, %u clients ended by an error\n", h.requests, h.errors);
	ck_assert_uint_gt(h.requests, CLIENTS);
	fixture_server_finish(&h.server);
}

TEST_TIMEOUT(120)
TEST_MAIN("proto-hostile")
