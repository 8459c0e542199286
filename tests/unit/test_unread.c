/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <wayland-server-protocol.h>
#include <wayland-version.h>

#include "harness.h"
#include "unread.h"

/*
 * What a client may leave unread, of a server that has a pointer to tell of and nothing else. The
 * client is a bare socket: what it asks is written into it, and it reads when the test says so.
 */

/* It makes one object with each request. */
enum { DISPLAY_ID = 1 };
/* Bytes of a motion with its frame, of wl_callback.done with wl_display.delete_id, and of a sync. */
enum { MOTION = 28, ANSWER = 24, SYNC = 12 };

static struct {
	struct wl_display *display;
	struct unread unread;
	struct wl_client *client; /* NULL: it was disconnected */
	struct wl_resource *pointer;
	struct wl_listener destroyed, created;
	int fd; /* the client's end */
	int size; /* of the server's socket: bytes that it holds, at most */
	uint32_t asked; /* what was written, a part of a request included */
	size_t part; /* bytes of the request that was written last, if that was cut */
	int served, most_in_a_turn; /* requests */
} run;

static void handle_destroyed(struct wl_listener *listener, void *data)
{
	run.client = NULL;
}

static void handle_created(struct wl_listener *listener, void *data)
{
	run.served++;
}

static void begin(void)
{
#if WAYLAND_VERSION_MAJOR == 1 && WAYLAND_VERSION_MINOR < 23
	SKIP("libwayland %s has 4 KiB for everybody", WAYLAND_VERSION);
#endif
	int fds[2];
	memset(&run, 0, sizeof(run));
	run.display = wl_display_create();
	unread_watch(&run.unread, run.display);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	run.fd = fds[1];
	run.client = wl_client_create(run.display, fds[0]);
	ck_assert_ptr_nonnull(run.client);
	socklen_t len = sizeof(run.size);
	ck_assert_int_eq(getsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &run.size, &len), 0);
	run.destroyed.notify = handle_destroyed;
	wl_client_add_destroy_listener(run.client, &run.destroyed);
	run.created.notify = handle_created;
	wl_client_add_resource_created_listener(run.client, &run.created);
	run.pointer = wl_resource_create(run.client, &wl_pointer_interface, 5, 0);
	ck_assert_ptr_nonnull(run.pointer);
	run.served = 0;
}

static void end(void)
{
	wl_display_destroy_clients(run.display);
	wl_display_destroy(run.display);
	close(run.fd);
}

/* ---- both sides ---------------------------------------------------------------------------- */

static void turn(void)
{
	int before = run.served;
	wl_event_loop_dispatch(wl_display_get_event_loop(run.display), 0);
	wl_display_flush_clients(run.display);
	if (run.served - before > run.most_in_a_turn)
		run.most_in_a_turn = run.served - before;
}

/* As often as there is room for it, @most times at most: wl_display.sync, each with the same id. */
static uint32_t ask(uint32_t most)
{
	uint32_t block[3 * 300], n = 0;
	for (size_t i = 0; i < 300; i++)
		memcpy(block + 3 * i, (uint32_t[]){DISPLAY_ID, SYNC << 16, 2}, SYNC);
	while (n < most) {
		size_t end = most - n < 300 ? (size_t)(most - n) * SYNC : sizeof(block);
		ssize_t len = send(run.fd, (char *)block + run.part, end - run.part, MSG_NOSIGNAL);
		if (len < 0)
			break;
		n += (uint32_t)((run.part + (size_t)len) / SYNC);
		run.part = (run.part + (size_t)len) % SYNC;
	}
	run.asked += n;
	return n;
}

static size_t read_all(void)
{
	char bytes[4096];
	size_t all = 0;
	ssize_t len;
	while ((len = recv(run.fd, bytes, sizeof(bytes), 0)) > 0)
		all += (size_t)len;
	return all;
}

/* And what comes after it. */
static size_t drain(void)
{
	size_t all = 0, more;
	do {
		more = read_all();
		all += more;
		turn();
	} while (more);
	return all;
}

/* A mouse that moves, which is told at once. */
static void move(int times)
{
	for (int i = 0; run.client && i < times; i++) {
		unread_tell(run.client);
		wl_pointer_send_motion(run.pointer, 1, 0, 0);
		unread_tell(run.client);
		wl_pointer_send_frame(run.pointer);
		turn();
	}
}

/* How many requests it was before that was its end. */
static int ask_and_never_read(void)
{
	int before = run.served;
	for (int i = 0; run.client && i < 100000; i++) {
		ask(340);
		turn();
	}
	ck_assert_ptr_null(run.client);
	return run.served - before;
}

/* How many events of a motion one after the other, each a message of its own, a socket takes. */
static int room_of_a_socket(void)
{
	static const char bytes[MOTION];
	int n = 0, fds[2], half = run.size / 2;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &half, sizeof(half)), 0);
	while (send(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		n++;
	close(fds[0]);
	close(fds[1]);
	return n;
}

/* ---- who asks ------------------------------------------------------------------------------ */

TEST(who_asks_and_never_reads_is_disconnected)
{
	begin();
	int most = (run.size + UNREAD_LEAST) / ANSWER + UNREAD_LEAST / SYNC;
	ck_assert_int_le(ask_and_never_read(), most);
	ck_assert_int_le((int)read_all(), run.size);
	end();
}

TEST(a_turn_is_short)
{
	begin();
	/* as much as the socket takes */
	ck_assert_uint_gt(ask(UINT32_MAX), UNREAD_LEAST / SYNC);
	while (run.client && (uint32_t)run.served < run.asked) {
		turn();
		drain();
	}
	ck_assert_ptr_nonnull(run.client);
	ck_assert_int_le(run.most_in_a_turn, UNREAD_LEAST / SYNC);
	end();
}

TEST(who_reads_may_ask_without_end)
{
	size_t got = 0;
	begin();
	for (int i = 0; i < 200; i++) {
		ask(1000);
		turn();
		got += read_all();
	}
	while (run.client && (uint32_t)run.served < run.asked) {
		turn();
		got += drain();
	}
	ck_assert_ptr_nonnull(run.client);
	ck_assert_uint_gt(run.asked, 50000);
	ck_assert_uint_eq(got, (size_t)run.asked * ANSWER);
	end();
}

/* ---- who is told --------------------------------------------------------------------------- */

TEST(who_is_stopped_under_a_mouse_misses_nothing)
{
	begin();
	move(10000);
	ck_assert_ptr_nonnull(run.client);
	ck_assert_uint_eq(drain(), 10000 * MOTION);
	end();
}

/* Events that nobody asked for are no way to have a server keep memory without end, either. */
TEST(who_never_reads_is_disconnected_in_the_end)
{
	begin();
	move((UNREAD_MOST + run.size) / MOTION + 1);
	/* which libwayland sees to when it hears of the client */
	ask(1);
	turn();
	ck_assert_ptr_null(run.client);
	end();
}

TEST(what_is_told_with_answers_unread)
{
	begin();
	int answers = room_of_a_socket();
	for (int i = 0; i < answers; i++) {
		ask(1);
		turn();
	}
	move(3000);
	ck_assert_ptr_nonnull(run.client);
	ck_assert_uint_eq(drain(), (size_t)answers * ANSWER + 3000 * MOTION);
	end();
}

/* Room for what it was told is none to have 40,000 questions answered. */
TEST(who_is_told_and_asks_has_no_more_than_that)
{
	begin();
	int told = room_of_a_socket() + 200;
	move(told);
	ck_assert_ptr_nonnull(run.client);
	int most = 2 * (UNREAD_LEAST + 2 * told * UNREAD_ROOM) / ANSWER;
	ck_assert_int_lt(most, UNREAD_MOST / ANSWER / 2);
	ck_assert_int_le(ask_and_never_read(), most);
	end();
}

/* ---- when it has read that ----------------------------------------------------------------- */

static int asks_until_its_end(void)
{
	begin();
	int n = ask_and_never_read();
	end();
	return n;
}

TEST(room_is_taken_back_from_who_asks)
{
	int usual = asks_until_its_end();
	begin();
	move(5000);
	ck_assert_uint_eq(drain(), 5000 * MOTION);
	/* some of it is in the room that is left */
	for (int i = 0; i < UNREAD_STEP; i++) {
		ask(1);
		turn();
		drain();
	}
	run.most_in_a_turn = 0;
	ck_assert_int_le(ask_and_never_read(), usual + UNREAD_LEAST / SYNC);
	ck_assert_int_le(run.most_in_a_turn, UNREAD_LEAST / SYNC);
	end();
}

TEST(room_is_taken_back_from_who_is_told_more)
{
	int usual = asks_until_its_end();
	begin();
	move(5000);
	ck_assert_uint_eq(drain(), 5000 * MOTION);
	for (int i = 0; i < UNREAD_STEP; i++) {
		move(1);
		read_all();
	}
	run.most_in_a_turn = 0;
	ck_assert_int_le(ask_and_never_read(), usual + UNREAD_LEAST / SYNC);
	ck_assert_int_le(run.most_in_a_turn, UNREAD_LEAST / SYNC);
	end();
}

/* It is looked at after the turn, which is its last. */
TEST(who_goes_before_the_room_is_taken)
{
	static const uint32_t of_no_object[] = {77, SYNC << 16, 0};
	begin();
	move(2000);
	ck_assert_uint_eq(drain(), 2000 * MOTION);
	ask(UNREAD_STEP);
	ck_assert_int_eq(send(run.fd, of_no_object, SYNC, MSG_NOSIGNAL), SYNC);
	turn();
	ck_assert_ptr_null(run.client);
	ck_assert_int_eq(run.served, UNREAD_STEP);
	turn();
	end();
}

TEST_MAIN("unread")
