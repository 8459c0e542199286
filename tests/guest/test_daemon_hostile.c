/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <poll.h>
#include <presentation-time-client-protocol.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_points.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "sw_sync.h"

/* Clients whose fences never signal, and what their neighbours notice of it: nothing. */

/* ---- hostile fences ------------------------------------------------------------------------ */

/* Puts a fence that never signals on the memory, as if something were drawing there. */
static void haunt(struct scenario *s, const struct picture *picture, uint32_t value)
{
	ck_assert_int_eq(sw_sync_occupy(s->timeline, value, picture->fd), 0);
}

/* ---- neighbours ---------------------------------------------------------------------------- */

/*
 * Another client with dma-bufs, in a process of its own, and what its frames take: by the numbers of
 * the vblanks that they were shown at. It shows as many as are ordered, each when the one before is
 * on the screen.
 */
struct neighbour {
	pid_t pid;
	int orders, answers; /* pipes */
};

/* A round, and one that is over before a crowd of points is given up. */
enum { FRAMES = 24, FEW_FRAMES = 10 };

/* What they have cost. */
struct cost {
	uint32_t missed; /* flips */
	uint32_t
		late; /* frames that took a fifth of a second: as long as somebody was waited for */
};

enum { LATE = 12 };

static void show_frames(struct window *window, struct picture pictures[2], int n, int answers)
{
	window_show(window, &pictures[1]);
	struct cost cost = {0};
	uint32_t last = window->sequence;
	for (int i = 0; i < n; i++) {
		window_show(window, &pictures[i % 2]);
		ck_assert_uint_gt(window->sequence, last);
		cost.missed += window->sequence - last - 1;
		cost.late += window->sequence - last >= LATE;
		last = window->sequence;
	}
	ck_assert_int_eq(window->discarded, 0);
	ck_assert_int_eq(write(answers, &cost, sizeof(cost)), sizeof(cost));
}

/* Whether a plane shows its frames. Composition scales, and the planes of vkms do not. */
static void place(struct window *window, struct picture *picture, bool composed)
{
	if (composed)
		wl_surface_set_buffer_scale(window->surface, 2);
	window_show(window, picture);
	ck_assert_int_eq(!(window->flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY), (int)composed);
}

_Noreturn static void be_neighbour(
	const struct neighbour *neighbour, const struct daemon *daemon, bool composed)
{
	struct client client;
	struct window window;
	struct picture pictures[2];
	char order;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	client_connect(&client, daemon);
	for (int i = 0; i < 2; i++)
		picture_init(&client, &pictures[i], PICTURE_DMABUF, 64, 64, DRM_FORMAT_XRGB8888);
	window_init(&window, &client);
	place(&window, &pictures[0], composed);
	while (read(neighbour->orders, &order, 1) == 1)
		show_frames(&window, pictures, order, neighbour->answers);
	_exit(0);
}

/* Before there is a connection that it would inherit. */
static void neighbour_start(struct neighbour *neighbour, const struct daemon *daemon, bool composed)
{
	int orders[2], answers[2];
	ck_assert_int_eq(pipe2(orders, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(answers, O_CLOEXEC), 0);
	neighbour->pid = fork();
	ck_assert_int_ge(neighbour->pid, 0);
	bool child = neighbour->pid == 0;
	close(orders[child]);
	close(answers[!child]);
	neighbour->orders = orders[!child];
	neighbour->answers = answers[child];
	if (child)
		be_neighbour(neighbour, daemon, composed);
}

static void neighbour_stop(struct neighbour *neighbour)
{
	int status;
	close(neighbour->orders);
	close(neighbour->answers);
	ck_assert_int_eq(waitpid(neighbour->pid, &status, 0), neighbour->pid);
	ck_assert_int_eq(status, 0);
}

/* Calls @meanwhile every now and then until its frames are shown. */
static struct cost show_frames_while(
	struct neighbour *neighbour, char n, void (*meanwhile)(void *data), void *data)
{
	struct pollfd poll_fd = {.fd = neighbour->answers, .events = POLLIN};
	struct cost cost;
	ck_assert_int_eq(write(neighbour->orders, &n, 1), 1);
	while (poll(&poll_fd, 1, 50) == 0)
		meanwhile(data);
	ck_assert_msg(read(neighbour->answers, &cost, sizeof(cost)) == sizeof(cost),
		"the neighbour is not served any more");
	return cost;
}

/*
 * Rounds without what is hostile and with it, in turn, so that a busy machine is as busy for the
 * ones as for the others; and of either the worst does not count.
 */
enum { ROUNDS = 6 };

struct toll {
	struct cost rounds[2][ROUNDS]; /* without, with */
};

static struct cost without_worst(const struct cost rounds[ROUNDS])
{
	struct cost sum = {0}, worst = {0};
	for (int i = 0; i < ROUNDS; i++) {
		sum.missed += rounds[i].missed;
		sum.late += rounds[i].late;
		if (rounds[i].missed > worst.missed)
			worst = rounds[i];
	}
	return (struct cost){sum.missed - worst.missed, sum.late - worst.late};
}

/*
 * Of @n flips in each round. Where none is missed otherwise it may cost one in @spare. On a busy
 * machine a client that works all the time takes time from those that do, fences or not; but nobody
 * is waited for.
 */
static void check_toll(const struct toll *toll, uint32_t n, uint32_t spare)
{
	uint32_t all = (ROUNDS - 1) * n;
	struct cost without = without_worst(toll->rounds[0]);
	struct cost with = without_worst(toll->rounds[1]);
	printf("# of %u flips %u are missed, beside what is hostile %u; %u frames are late, and "
	       "%u\n",
		all, without.missed, with.missed, without.late, with.late);
	fflush(stdout);
	ck_assert_uint_le(with.missed, 3 * without.missed + all / spare);
	ck_assert_uint_le(with.late, without.late + ROUNDS);
}

/* ---- fences -------------------------------------------------------------------------------- */

TEST(hostile_fence_on_the_screen)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	/* after the commit, and it is scanned out; then it is displaced by frames that are ready */
	haunt(&s, &s.pictures[0], 1);
	set_points(&s, 1, 1, 1);
	window_show(&s.window, &s.pictures[1]);
	ck_assert_uint_eq(released(&s, 0), 1);
	/* and before the commit, with points that say that it is ready */
	set_points(&s, 1, 0, 2);
	window_show(&s.window, &s.pictures[0]);
	ck_assert(on_screen(&s, &s.pictures[0]));
	set_points(&s, 1, 2, 1);
	window_show(&s.window, &s.pictures[2]);
	ck_assert(on_screen(&s, &s.pictures[2]));
	end(&s);
}

/* A client that does the worst it can, on a surface of 256 by 256. */
struct fiend {
	struct scenario s;
	struct neighbour neighbour;
	struct picture picture;
	uint32_t round;
	uint32_t commits; /* of this round */
	int asked; /* commits in all, to be answered */
	bool hostile; /* now */
	bool captured; /* somebody takes pictures of it */
};

static void fiend_init(struct fiend *fiend, bool composed)
{
	struct scenario *s = &fiend->s;
	*fiend = (struct fiend){.round = 1};
	daemon_start(&s->daemon, NULL);
	neighbour_start(&fiend->neighbour, &s->daemon, composed);
	begin_client(s);
	picture_init(&s->client, &fiend->picture, PICTURE_DMABUF, 256, 256, DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(waybuf_syncobj_signal(s->points.acquire, 1), 0);
	set_points(s, 1, 0, 1);
	place(&s->window, &fiend->picture, composed);
	fiend->asked = 1;
}

/* Each of its commits was shown or was not, and hears of it. */
static void fiend_finish(struct fiend *fiend)
{
	struct window *window = &fiend->s.window;
	ck_assert(client_wait(window->client, &window->frames, fiend->asked, PATIENCE_MS));
	int presented = fiend->asked - window->discarded;
	ck_assert(client_wait(window->client, &window->presented, presented, PATIENCE_MS));
	ck_assert_int_eq(window->presented + window->discarded, fiend->asked);
	neighbour_stop(&fiend->neighbour);
	picture_finish(&fiend->picture);
	end(&fiend->s);
}

/* A fence on what is shown already, and a commit whose point never signals. */
static void harass(void *data)
{
	struct fiend *fiend = data;
	struct scenario *s = &fiend->s;
	if (fiend->hostile) {
		haunt(s, &fiend->picture, fiend->round);
		set_points(s, ((uint64_t)fiend->round << 32) + fiend->commits, 0,
			((uint64_t)fiend->round << 32) + fiend->commits);
		window_commit(&s->window, &fiend->picture);
		fiend->commits++;
		fiend->asked++;
	}
	if (fiend->captured) {
		struct picture screen;
		capture_output(&s->client, &screen);
		picture_finish(&screen);
	}
	ck_assert(client_sync(&s->client));
}

/* All that is pending signals, as far as it has been waited for. */
static void make_peace(struct fiend *fiend)
{
	struct scenario *s = &fiend->s;
	ck_assert_int_eq(sw_sync_advance(s->timeline, 1), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(s->points.acquire,
				 ((uint64_t)fiend->round << 32) + fiend->commits),
		0);
	fiend->round++;
	fiend->commits = 0;
	fiend->hostile = false;
	ck_assert(client_sync(&s->client));
}

static void check_fiend(bool composed, bool captured)
{
	struct fiend fiend;
	struct toll toll;
	fiend_init(&fiend, composed);
	fiend.captured = captured;
	for (int i = 0; i < ROUNDS; i++) {
		toll.rounds[0][i] = show_frames_while(&fiend.neighbour, FRAMES, harass, &fiend);
		fiend.hostile = true;
		harass(&fiend);
		toll.rounds[1][i] = show_frames_while(&fiend.neighbour, FRAMES, harass, &fiend);
		make_peace(&fiend);
	}
	check_toll(&toll, FRAMES, 10);
	fiend_finish(&fiend);
}

TEST(hostile_fences_on_an_overlay_cost_neighbours_nothing)
{
	check_fiend(false, false);
}

TEST(hostile_fences_in_composition_cost_neighbours_nothing)
{
	check_fiend(true, false);
}

TEST(hostile_fences_in_captures_cost_neighbours_nothing)
{
	check_fiend(false, true);
}

/* ---- crowds -------------------------------------------------------------------------------- */

#define CROWD 1000

/* Surfaces nobody sees, with points that nobody submits to. */
struct crowd {
	struct wl_surface *surfaces[CROWD];
	struct wp_linux_drm_syncobj_surface_v1 *points[CROWD];
};

static void crowd_init(struct crowd *crowd, struct scenario *s)
{
	for (int i = 0; i < CROWD; i++) {
		crowd->surfaces[i] = wl_compositor_create_surface(s->client.compositor);
		crowd->points[i] = wp_linux_drm_syncobj_manager_v1_get_surface(
			s->client.syncobj, crowd->surfaces[i]);
	}
}

static void crowd_finish(struct crowd *crowd)
{
	for (int i = 0; i < CROWD; i++) {
		wp_linux_drm_syncobj_surface_v1_destroy(crowd->points[i]);
		wl_surface_destroy(crowd->surfaces[i]);
	}
}

/* On points of the @round th four thousand million. */
static void crowd_commit(
	struct crowd *crowd, struct scenario *s, struct picture *picture, uint32_t round)
{
	for (uint32_t i = 0; i < CROWD; i++) {
		wp_linux_drm_syncobj_surface_v1_set_acquire_point(
			crowd->points[i], s->points.acquire_proxy, round, i);
		wp_linux_drm_syncobj_surface_v1_set_release_point(
			crowd->points[i], s->points.release_proxy[2], round, i);
		wl_surface_attach(crowd->surfaces[i], picture->buffer, 0, 0);
		wl_surface_commit(crowd->surfaces[i]);
	}
	ck_assert(client_sync(&s->client));
}

static void just_wait(void *data)
{
	struct scenario *s = data;
	ck_assert(client_sync(&s->client));
}

TEST(crowd_of_pending_points_costs_others_nothing)
{
	static struct crowd crowd;
	struct scenario s;
	struct neighbour neighbour;
	struct toll toll;
	int never = 0;
	daemon_start(&s.daemon, NULL);
	neighbour_start(&neighbour, &s.daemon, false);
	begin_client(&s);
	crowd_init(&crowd, &s);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		toll.rounds[0][i] = show_frames_while(&neighbour, FEW_FRAMES, just_wait, &s);
		/* they wait for a second, in which the frames fit */
		crowd_commit(&crowd, &s, &s.pictures[2], i + 1);
		toll.rounds[1][i] = show_frames_while(&neighbour, FEW_FRAMES, just_wait, &s);
		/* until all are given up: a client may not have more points than that */
		ck_assert(!client_wait(&s.client, &never, 1, 1200));
		/* and until they are reached, they count */
		ck_assert_int_eq(
			waybuf_syncobj_signal(s.points.acquire, ((uint64_t)(i + 1) << 32) + CROWD),
			0);
	}
	check_toll(&toll, FEW_FRAMES, 2);
	ck_assert(!daemon_said(&s.daemon, "cannot be watched"));
	crowd_finish(&crowd);
	neighbour_stop(&neighbour);
	end(&s);
}

TEST_TIMEOUT(240)
TEST_MAIN("daemon-hostile")
