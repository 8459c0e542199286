/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <wayland-client.h>

#include "guest/programs.h"
#include "harness.h"

/* waybufd as a service manager starts it: with a socket that is there already, and somebody to tell. */

static char folder[64], socket_path[96];
static int listener = -1, manager = -1;

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static int bind_socket(int type, const char *name)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, type, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void set_up(void)
{
	char path[96];
	snprintf(folder, sizeof(folder), "/tmp/waybuf-manager-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(socket_path, sizeof(socket_path), "%s/waybuf-0", folder);
	snprintf(path, sizeof(path), "%s/notify", folder);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("LISTEN_FDS", "1", 1);
	manager = bind_socket(SOCK_DGRAM | SOCK_CLOEXEC, "notify");
	listener = bind_socket(SOCK_STREAM | SOCK_CLOEXEC, "waybuf-0");
	ck_assert_int_eq(listen(listener, 8), 0);
}

static void tear_down(void)
{
	char command[128];
	close(listener);
	close(manager);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* As fd 3, and for the process that becomes waybufd. */
static struct program start(int fd, const char *options)
{
	char script[512];
	ck_assert_int_eq(dup2(fd, 9), 9);
	snprintf(script, sizeof(script),
		"exec 3<&9 9<&-; LISTEN_PID=$$; export LISTEN_PID; exec %s --no-display %s",
		WAYBUFD, options);
	struct program program =
		program_start((const char *const[]){"/bin/sh", "-c", script, NULL});
	close(9);
	return program;
}

static void expect_told(const char *state)
{
	char text[64] = "";
	struct pollfd poll_fd = {.fd = manager, .events = POLLIN};
	ck_assert_msg(poll(&poll_fd, 1, 20000) == 1, "the manager is not told %s", state);
	ck_assert_int_ge(recv(manager, text, sizeof(text) - 1, 0), 0);
	ck_assert_str_eq(text, state);
}

static void expect_failure(int fd, const char *options, const char *problem)
{
	struct result result;
	struct program program = start(fd, options);
	program_wait(&program, 20, &result);
	ck_assert_int_eq(result.status, 1);
	ck_assert_msg(strncmp(result.out, "waybufd: ", 9) == 0, "%s", result.out);
	ck_assert_msg(strstr(result.out, problem), "%s", result.out);
}

/* Clients connect before there is anybody, and are answered when there is. */
TEST(a_socket_from_before)
{
	struct result result;
	set_up();
	struct wl_display *early = wl_display_connect(socket_path);
	ck_assert_ptr_nonnull(early);
	struct program program = start(listener, "");
	expect_told("READY=1");
	ck_assert_int_ge(wl_display_roundtrip(early), 0);
	wl_display_disconnect(early);
	program_signal(&program, SIGTERM);
	expect_told("STOPPING=1");
	program_wait(&program, 20, &result);
	ck_assert_int_eq(result.status, 0);
	/* it is the manager's, which listens on it for the next time */
	ck_assert_int_eq(access(socket_path, F_OK), 0);
	tear_down();
}

/* It has a display and no manager. */
TEST(the_environment_is_not_for_the_command)
{
	struct result result;
	set_up();
	struct program program = start(listener, "-- /bin/sh -c 'env; ls -l /proc/self/fd'");
	program_wait(&program, 20, &result);
	ck_assert_int_eq(result.status, 0);
	char display[128];
	snprintf(display, sizeof(display), "WAYLAND_DISPLAY=%s\n", socket_path);
	ck_assert_msg(strstr(result.out, display), "%s", result.out);
	ck_assert_ptr_null(strstr(result.out, "LISTEN_"));
	ck_assert_ptr_null(strstr(result.out, "NOTIFY_"));
	ck_assert_ptr_null(strstr(result.out, "socket:"));
	tear_down();
}

/* Variables that a parent has left over are for the parent. */
TEST(a_socket_for_somebody_else)
{
	struct result result;
	set_up();
	setenv("LISTEN_PID", "1", 1);
	const char *const arguments[] = {
		WAYBUFD, "--no-display", "--socket", "own", "--", "true", NULL};
	program_run(arguments, 20, &result);
	ck_assert_msg(result.status == 0, "%s", result.out);
	tear_down();
}

TEST(what_cannot_be_listened_on)
{
	set_up();
	expect_failure(listener, "--socket own", "leave --socket out");
	expect_failure(manager, "", "no listening stream socket");
	int file = open("/dev/null", O_RDWR);
	expect_failure(file, "", "no listening stream socket");
	close(file);
	int bound = bind_socket(SOCK_STREAM, "bound");
	expect_failure(bound, "", "no listening stream socket");
	close(bound);
	int nameless = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	ck_assert_int_eq(bind(nameless, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(nameless, 1), 0);
	expect_failure(nameless, "", "a socket without a path");
	close(nameless);
	setenv("LISTEN_FDS", "2", 1);
	expect_failure(listener, "", "several sockets");
	tear_down();
}

/* Told in vain: that is logged, and no reason to end. */
TEST(a_manager_that_does_not_listen)
{
	struct result result;
	set_up();
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	struct program program = start(listener, "-- true");
	program_wait(&program, 20, &result);
	ck_assert_int_eq(result.status, 0);
	ck_assert_ptr_nonnull(strstr(result.out, "cannot be told READY=1"));
	setenv("NOTIFY_SOCKET", "relative", 1);
	program = start(listener, "-- true");
	program_wait(&program, 20, &result);
	ck_assert_int_eq(result.status, 0);
	ck_assert_str_eq(result.out, "");
	tear_down();
}

TEST_TIMEOUT(60)
TEST_MAIN("service-manager")
