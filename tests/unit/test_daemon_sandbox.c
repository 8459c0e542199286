/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/daemon_fixture.h"
#include "security-context-v1-client-protocol.h"

/*
 * wp_security_context_v1 as Flatpak uses it: the engine binds a socket, hands it over with a pipe,
 * and those inside connect to it.
 */

struct engine {
	struct daemon daemon;
	struct client client;
	struct wp_security_context_v1 *context; /* not committed */
	struct sockaddr_un address;
	int listen_fd, close_fd; /* ours: that of the socket, and the writing end */
};

/* In the abstract namespace, so that nothing is left behind. */
static void listen_somewhere(struct engine *engine)
{
	engine->address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(engine->address.sun_path + 1, sizeof(engine->address.sun_path) - 1,
		"waybufd-sandbox-%d", getpid());
	engine->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(engine->listen_fd, (struct sockaddr *)&engine->address,
				 sizeof(engine->address)),
		0);
	ck_assert_int_eq(listen(engine->listen_fd, 8), 0);
}

static struct wp_security_context_v1 *make_context(struct engine *engine)
{
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	struct wp_security_context_v1 *context = wp_security_context_manager_v1_create_listener(
		engine->client.contexts, engine->listen_fd, fds[0]);
	close(fds[0]);
	engine->close_fd = fds[1];
	return context;
}

static void engine_init(struct engine *engine)
{
	daemon_start(&engine->daemon, NULL);
	client_connect(&engine->client, &engine->daemon);
	ck_assert_ptr_nonnull(engine->client.contexts);
	listen_somewhere(engine);
	engine->context = make_context(engine);
}

static void engine_commit(struct engine *engine)
{
	wp_security_context_v1_set_sandbox_engine(engine->context, "org.example");
	wp_security_context_v1_set_app_id(engine->context, "org.example.App");
	wp_security_context_v1_set_instance_id(engine->context, "1");
	wp_security_context_v1_commit(engine->context);
	ck_assert(client_sync(&engine->client));
}

static void engine_finish(struct engine *engine)
{
	if (engine->context)
		wp_security_context_v1_destroy(engine->context);
	if (engine->close_fd >= 0)
		close(engine->close_fd);
	close(engine->listen_fd);
	client_disconnect(&engine->client);
	ck_assert_int_eq(daemon_stop(&engine->daemon, SIGTERM), 0);
}

static int enter(const struct engine *engine)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
		connect(fd, (const struct sockaddr *)&engine->address, sizeof(engine->address)), 0);
	return fd;
}

TEST(inside_there_are_no_privileges)
{
	struct engine engine;
	struct client inside, again;
	engine_init(&engine);
	ck_assert_ptr_nonnull(engine.client.captures);
	ck_assert(engine.client.monitor);
	engine_commit(&engine);
	client_connect_to(&inside, enter(&engine));
	client_connect_to(&again, enter(&engine));
	ck_assert_ptr_nonnull(inside.compositor);
	/* which there is where there is a device */
	ck_assert_int_eq(inside.dmabuf != NULL, engine.client.dmabuf != NULL);
	ck_assert_ptr_null(inside.captures);
	ck_assert_ptr_null(inside.sources);
	ck_assert_ptr_null(inside.contexts);
	ck_assert(!inside.monitor);
	ck_assert_ptr_null(again.captures);
	client_disconnect(&again);
	client_disconnect(&inside);
	engine_finish(&engine);
}

TEST(inside_outlives_its_engine)
{
	struct engine engine;
	struct client inside, outside;
	struct window window;
	engine_init(&engine);
	engine_commit(&engine);
	wp_security_context_v1_destroy(engine.context);
	engine.context = NULL;
	client_disconnect(&engine.client);
	client_connect_to(&inside, enter(&engine));
	window_init(&window, &inside);
	/* who is inside stays when nobody else is let in */
	close(engine.close_fd);
	engine.close_fd = -1;
	client_connect(&outside, &engine.daemon);
	ck_assert(client_sync(&outside));
	ck_assert(client_sync(&inside));
	window_finish(&window);
	client_disconnect(&inside);
	engine.client = outside;
	engine_finish(&engine);
}

/* Nobody is accepted any more: what is sent gets no answer. */
TEST(hung_up_lets_nobody_in)
{
	struct engine engine;
	engine_init(&engine);
	engine_commit(&engine);
	close(engine.close_fd);
	engine.close_fd = -1;
	ck_assert(client_sync(&engine.client));
	ck_assert(client_sync(&engine.client));
	close(engine.listen_fd);
	engine.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* the last fd of it was the server's */
	ck_assert_int_eq(connect(engine.listen_fd, (const struct sockaddr *)&engine.address,
				 sizeof(engine.address)),
		-1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	engine_finish(&engine);
}

TEST(never_committed)
{
	struct engine engine;
	engine_init(&engine);
	ck_assert(client_sync(&engine.client));
	close(engine.close_fd);
	engine.close_fd = -1;
	ck_assert(client_sync(&engine.client));
	engine_finish(&engine);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void expect_error(struct engine *engine, const struct wl_interface *expected, uint32_t error)
{
	const struct wl_interface *interface = NULL;
	uint32_t id;
	ck_assert(!client_sync(&engine->client));
	ck_assert_uint_eq(
		wl_display_get_protocol_error(engine->client.display, &interface, &id), error);
	ck_assert_ptr_eq(interface, expected);
	engine_finish(engine);
}

TEST(committed_twice)
{
	struct engine engine;
	engine_init(&engine);
	engine_commit(&engine);
	wp_security_context_v1_commit(engine.context);
	expect_error(&engine, &wp_security_context_v1_interface,
		WP_SECURITY_CONTEXT_V1_ERROR_ALREADY_USED);
}

TEST(renamed_after_the_commit)
{
	struct engine engine;
	engine_init(&engine);
	engine_commit(&engine);
	wp_security_context_v1_set_app_id(engine.context, "org.example.Other");
	expect_error(&engine, &wp_security_context_v1_interface,
		WP_SECURITY_CONTEXT_V1_ERROR_ALREADY_USED);
}

TEST(named_twice)
{
	struct engine engine;
	engine_init(&engine);
	wp_security_context_v1_set_instance_id(engine.context, "1");
	wp_security_context_v1_set_instance_id(engine.context, "1");
	expect_error(&engine, &wp_security_context_v1_interface,
		WP_SECURITY_CONTEXT_V1_ERROR_ALREADY_SET);
}

TEST(without_an_engine)
{
	struct engine engine;
	engine_init(&engine);
	wp_security_context_v1_set_app_id(engine.context, "org.example.App");
	wp_security_context_v1_commit(engine.context);
	expect_error(&engine, &wp_security_context_v1_interface,
		WP_SECURITY_CONTEXT_V1_ERROR_INVALID_METADATA);
}

static void expect_invalid_listen_fd(int fd)
{
	struct engine engine;
	engine_init(&engine);
	struct wp_security_context_v1 *context =
		wp_security_context_manager_v1_create_listener(engine.client.contexts, fd, fd);
	close(fd);
	wp_security_context_v1_destroy(context);
	expect_error(&engine, &wp_security_context_manager_v1_interface,
		WP_SECURITY_CONTEXT_MANAGER_V1_ERROR_INVALID_LISTEN_FD);
}

TEST(invalid_listen_fd)
{
	expect_invalid_listen_fd(memfd_create("no socket", MFD_CLOEXEC));
	expect_invalid_listen_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* Nobody can hang up on a file, so it could never end. */
TEST(close_fd_is_a_file)
{
	struct engine engine;
	engine_init(&engine);
	int fd = memfd_create("file", MFD_CLOEXEC);
	wp_security_context_v1_destroy(engine.context);
	engine.context = wp_security_context_manager_v1_create_listener(
		engine.client.contexts, engine.listen_fd, fd);
	close(fd);
	wp_security_context_v1_set_sandbox_engine(engine.context, "org.example");
	wp_security_context_v1_commit(engine.context);
	expect_error(&engine, &wl_display_interface, WL_DISPLAY_ERROR_IMPLEMENTATION);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-sandbox")
