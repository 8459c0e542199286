/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "sw_sync.h"

/* When frames are shown, released and called back; nobody waits for somebody else's fence. */

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture pictures[3];
};

static void begin(struct scenario *s, enum picture_memory memory)
{
	daemon_start(&s->daemon, NULL);
	client_connect(&s->client, &s->daemon);
	window_init(&s->window, &s->client);
	for (uint32_t i = 0; i < 3; i++) {
		picture_init(&s->client, &s->pictures[i], memory, (uint32_t)s->client.width,
			(uint32_t)s->client.height, DRM_FORMAT_XRGB8888);
		picture_draw(&s->pictures[i], i);
	}
}

static void end(struct scenario *s)
{
	for (int i = 0; i < 3; i++)
		picture_finish(&s->pictures[i]);
	window_finish(&s->window);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

static bool on_screen(struct scenario *s, const struct picture *picture)
{
	struct picture screen;
	capture_output(&s->client, &screen);
	bool same = true;
	for (uint32_t y = 0; y < screen.height && same; y += 7)
		for (uint32_t x = 0; x < screen.width && same; x += 5)
			same = (picture_pixel(&screen, x, y) & 0xffffff) ==
				(picture_pixel(picture, x, y) & 0xffffff);
	picture_finish(&screen);
	return same;
}

static void check_release(enum picture_memory memory)
{
	struct scenario s;
	begin(&s, memory);
	for (int round = 0; round < 10; round++)
		window_show(&s.window, &s.pictures[round % 3]);
	/* the tenth is shown, the ninth and all before were replaced */
	ck_assert(client_sync(&s.client));
	ck_assert_int_eq(s.pictures[0].released, 3);
	ck_assert_int_eq(s.pictures[1].released, 3);
	ck_assert_int_eq(s.pictures[2].released, 3);
	ck_assert_int_eq(s.window.frames, 10);
	end(&s);
}

TEST(released_once_when_replaced_direct)
{
	check_release(PICTURE_DMABUF);
}

TEST(released_once_when_replaced_composed)
{
	check_release(PICTURE_SHM);
}

TEST(superseded_commits_are_discarded)
{
	struct scenario s;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	/* in one burst: the two last arrive before the flip of the first */
	for (int i = 0; i < 3; i++)
		window_commit(&s.window, &s.pictures[(i + 1) % 3]);
	ck_assert(client_wait(&s.client, &s.window.frames, 4, 3000));
	ck_assert_int_eq(s.window.presented + s.window.discarded, 4);
	ck_assert_int_ge(s.window.discarded, 1);
	ck_assert(on_screen(&s, &s.pictures[0]));
	end(&s);
}

/* Puts a fence that has not signalled on the picture's memory, as its renderer would. */
static int make_unready(const struct picture *picture)
{
	int timeline = sw_sync_open();
	if (timeline < 0)
		SKIP("no sw_sync");
	ck_assert_int_eq(sw_sync_occupy(timeline, 1, picture->fd), 0);
	return timeline;
}

/* False: it was given up, because the machine took a second for the picture. */
static bool is_shown_once_signalled(struct scenario *s)
{
	int before = s->window.presented, given_up = s->window.discarded;
	int timeline = make_unready(&s->pictures[1]);
	window_commit(&s->window, &s->pictures[1]);
	ck_assert(!client_wait(&s->client, &s->window.presented, before + 1, 300));
	ck_assert(on_screen(s, &s->pictures[0]));
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	bool shown = client_wait(&s->client, &s->window.presented, before + 1, 1000);
	ck_assert(shown || s->window.discarded > given_up);
	close(timeline);
	return shown;
}

TEST(shown_when_its_fence_signals)
{
	struct scenario s;
	bool shown = false;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	for (int i = 0; i < 8 && !shown; i++)
		shown = is_shown_once_signalled(&s);
	ck_assert(shown);
	ck_assert(on_screen(&s, &s.pictures[1]));
	end(&s);
}

TEST(given_up_when_its_fence_never_signals)
{
	struct scenario s;
	struct window other;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	int timeline = make_unready(&s.pictures[1]);
	window_commit(&s.window, &s.pictures[1]);
	/* another window does not notice */
	window_init(&other, &s.client);
	for (int i = 0; i < 3; i++)
		window_show(&other, &s.pictures[2]);
	window_finish(&other);
	ck_assert(client_wait(&s.client, &s.window.discarded, 1, 3000));
	ck_assert(client_wait(&s.client, &s.window.frames, 2, 3000));
	ck_assert_int_eq(s.window.presented, 1);
	ck_assert_int_eq(s.pictures[1].released, 1);
	ck_assert(on_screen(&s, &s.pictures[0]));
	ck_assert(daemon_said(&s.daemon, "did not signal within a second"));
	/* and the surface goes on */
	window_show(&s.window, &s.pictures[2]);
	ck_assert(on_screen(&s, &s.pictures[2]));
	close(timeline);
	end(&s);
}

TEST(newer_commit_supersedes_an_unready_one)
{
	struct scenario s;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	int timeline = make_unready(&s.pictures[1]);
	window_commit(&s.window, &s.pictures[1]);
	ck_assert(client_sync(&s.client));
	window_commit(&s.window, &s.pictures[2]);
	ck_assert(client_wait(&s.client, &s.window.presented, 2, 500));
	ck_assert_int_eq(s.window.discarded, 1);
	ck_assert_int_eq(s.window.frames, 3);
	ck_assert_int_eq(s.pictures[1].released, 1);
	ck_assert(on_screen(&s, &s.pictures[2]));
	close(timeline);
	end(&s);
}

TEST(hidden_windows_get_their_callbacks)
{
	struct scenario s;
	struct window other;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	window_init(&other, &s.client);
	window_show(&other, &s.pictures[1]);
	window_commit(&s.window, &s.pictures[2]);
	ck_assert(client_wait(&s.client, &s.window.frames, 2, 3000));
	ck_assert_int_eq(s.window.presented, 1);
	ck_assert(on_screen(&s, &s.pictures[1]));
	/* when the other one is gone, what was hidden is shown */
	window_finish(&other);
	ck_assert(client_wait(&s.client, &s.window.presented, 2, 1000));
	ck_assert(on_screen(&s, &s.pictures[2]));
	end(&s);
}

TEST(callback_without_a_change)
{
	struct scenario s;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	int done = 0;
	for (int i = 0; i < 5; i++) {
		struct wl_callback *callback = wl_surface_frame(s.window.surface);
		wl_surface_commit(s.window.surface);
		callback_count(callback, &done);
		ck_assert(client_wait(&s.client, &done, i + 1, 1000));
	}
	/* nothing was shown for it */
	ck_assert_int_eq(s.window.presented, 1);
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-sync")
