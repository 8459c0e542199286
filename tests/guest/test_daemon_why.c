/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "content-type-v1-client-protocol.h"
#include "daemon_ctl.h"
#include "daemon_points.h"
#include "sw_sync.h"

/* What waybufctl says of commits that wait: why they do, and later that they did. */

static FILE *start_ctl(const struct scenario *s, const char *arguments)
{
	ck_assert_msg(getenv("WAYBUFCTL"), "WAYBUFCTL is not set");
	return daemon_ctl_start(&s->daemon, arguments);
}

/* Its output, which must be JSON and nothing else. */
static struct json_object *finish_ctl(FILE *pipe)
{
	size_t size = 8 << 20;
	char *text = calloc(1, size);
	size_t n = fread(text, 1, size - 1, pipe);
	ck_assert_int_eq(pclose(pipe), 0);
	struct json_tokener *tokener = json_tokener_new();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	struct json_object *document = json_tokener_parse_ex(tokener, text, (int)n + 1);
	ck_assert_msg(document, "%s", json_tokener_error_desc(json_tokener_get_error(tokener)));
	json_tokener_free(tokener);
	free(text);
	return document;
}

static const char *text_of(struct json_object *object, const char *key)
{
	const char *text = json_object_get_string(json_object_object_get(object, key));
	ck_assert_msg(text, "there is no %s", key);
	return text;
}

/* ---- why ----------------------------------------------------------------------------------- */

/* Others are about who has the buffer. */
static struct json_object *only_surface(struct json_object *objects)
{
	struct json_object *found = NULL;
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *why = json_object_array_get_idx(objects, i);
		if (!json_object_object_get(why, "surface"))
			continue;
		ck_assert_ptr_null(found);
		found = why;
	}
	ck_assert_ptr_nonnull(found);
	return found;
}

static void check_why(FILE *ctl, const char *state, const char *debtor)
{
	struct json_object *document = finish_ctl(ctl);
	struct json_object *why = only_surface(json_object_object_get(document, "objects"));
	ck_assert_msg(strstr(text_of(why, "state"), state), "%s", text_of(why, "state"));
	ck_assert_msg(strstr(text_of(why, "owed_by"), debtor), "%s", text_of(why, "owed_by"));
	ck_assert_int_eq(json_object_get_int(json_object_object_get(why, "pid")), (int)getpid());
	json_object_put(document);
}

static FILE *start_why(const struct scenario *s, uint32_t id)
{
	char arguments[64];
	snprintf(arguments, sizeof(arguments), "why %u --json", id);
	return start_ctl(s, arguments);
}

/*
 * A commit waits for a second at most, which a busy machine may take to start a program. So there
 * are new ones until it has answered.
 */
static void check_why_waiting(struct scenario *s, uint32_t id, bool submitted, const char *state)
{
	static uint64_t point = 1;
	FILE *ctl = start_why(s, id);
	struct pollfd poll_fd = {.fd = fileno(ctl), .events = POLLIN};
	do {
		point++;
		if (submitted)
			submit_work(s, point, 1);
		set_points(s, submitted ? point : UINT64_MAX - 1, 1 + point % 2, point);
		window_commit(&s->window, &s->pictures[1 + point % 2]);
		ck_assert(client_sync(&s->client));
	} while (poll(&poll_fd, 1, 100) == 0);
	check_why(ctl, state, "the client, whose work is not over or was never submitted");
}

static uint32_t id_of(void *proxy)
{
	return wl_proxy_get_id(proxy);
}

/* Whether `waybufctl info` says that the surface shows @type; NULL: nothing in particular. */
static bool shows(const struct scenario *s, const char *type)
{
	bool found = false;
	struct json_object *document = finish_ctl(start_ctl(s, "info --json"));
	struct json_object *objects = json_object_object_get(document, "objects");
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		struct json_object *value = json_object_object_get(object, "content_type");
		if (strcmp(text_of(object, "type"), "surface") != 0)
			continue;
		const char *text = value ? json_object_get_string(value) : NULL;
		found = type ? text && strcmp(text, type) == 0 : !text;
	}
	json_object_put(document);
	return found;
}

static void commit(struct scenario *s)
{
	wl_surface_commit(s->window.surface);
	ck_assert(client_sync(&s->client));
}

/* Until the last commit is shown or given up. */
static void calm_down(struct scenario *s)
{
	int never = 0;
	ck_assert(!client_wait(&s->client, &never, 1, 1200));
}

TEST(why_a_surface_waits)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	uint32_t surface = id_of(s.window.surface), buffer = id_of(s.pictures[0].buffer);
	check_why(start_why(&s, surface), "waits for no fence", "the client, by its next commit");
	/* nobody has submitted to the point; and there is work on it, which the kernel names */
	check_why_waiting(&s, surface, false, "waits for point");
	calm_down(&s);
	check_why_waiting(&s, buffer, true, "waits for sync_file");
	ck_assert_int_eq(sw_sync_advance(s.timeline, 1), 0);
	calm_down(&s);
	check_why(start_why(&s, surface), "waits for no fence", "the client, by its next commit");
	end(&s);
}

/* A hint is state as all other: it comes with a commit, and goes with the object and a commit. */
TEST(content_type)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	struct wp_content_type_manager_v1 *manager =
		client_bind(&s.client, &wp_content_type_manager_v1_interface, 1);
	struct wp_content_type_v1 *type =
		wp_content_type_manager_v1_get_surface_content_type(manager, s.window.surface);
	wp_content_type_v1_set_content_type(type, WP_CONTENT_TYPE_V1_TYPE_VIDEO);
	ck_assert(client_sync(&s.client));
	ck_assert(shows(&s, NULL));
	commit(&s);
	ck_assert(shows(&s, "video"));
	wp_content_type_v1_set_content_type(type, 77);
	commit(&s);
	ck_assert(shows(&s, NULL));
	wp_content_type_v1_set_content_type(type, WP_CONTENT_TYPE_V1_TYPE_PHOTO);
	commit(&s);
	wp_content_type_v1_destroy(type);
	ck_assert(client_sync(&s.client));
	ck_assert(shows(&s, "photo"));
	commit(&s);
	ck_assert(shows(&s, NULL));
	wp_content_type_manager_v1_destroy(manager);
	end(&s);
}

/* The answer has a line about the buffer with that state and debtor. */
static void check_reader(
	const struct scenario *s, uint32_t buffer, const char *state, const char *debtor)
{
	bool found = false;
	struct json_object *document = finish_ctl(start_why(s, buffer));
	struct json_object *objects = json_object_object_get(document, "objects");
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *why = json_object_array_get_idx(objects, i);
		if (!json_object_object_get(why, "buffer"))
			continue;
		ck_assert_uint_eq(
			json_object_get_uint64(json_object_object_get(why, "buffer")), buffer);
		ck_assert_int_eq(
			json_object_get_int(json_object_object_get(why, "pid")), (int)getpid());
		found |= strstr(text_of(why, "state"), state) &&
			strcmp(text_of(why, "owed_by"), debtor) == 0;
	}
	ck_assert_msg(found, "%s", json_object_to_json_string(document));
	json_object_put(document);
}

/* A client that waits for a buffer to come back: who still has it? */
TEST(why_a_buffer_is_not_released)
{
	struct scenario s;
	char arguments[32];
	begin(&s);
	show_first(&s);
	check_reader(&s, id_of(s.pictures[0].buffer), "is shown on plane ",
		"the client, by its next commit");
	set_points(&s, 1, 1, 1);
	window_commit(&s.window, &s.pictures[1]);
	ck_assert(client_wait(&s.client, &s.window.presented, 2, PATIENCE_MS));
	/* it is displaced, and nobody has it */
	snprintf(arguments, sizeof(arguments), "why %u 2>&1", id_of(s.pictures[0].buffer));
	FILE *ctl = start_ctl(&s, arguments);
	char text[256] = "";
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, ctl), 0);
	ck_assert_int_ne(pclose(ctl), 0);
	ck_assert_ptr_nonnull(strstr(text, "there is no such surface or buffer"));
	check_reader(&s, id_of(s.pictures[1].buffer), "is shown on plane ",
		"the client, by its next commit");
	end(&s);
}

static void check_place(const struct scenario *s, uint32_t id, const char *expected)
{
	char arguments[32], text[512];
	snprintf(arguments, sizeof(arguments), "why %u", id);
	FILE *ctl = start_ctl(s, arguments);
	size_t length = fread(text, 1, sizeof(text) - 1, ctl);
	text[length] = '\0';
	ck_assert_int_eq(pclose(ctl), 0);
	ck_assert_msg(strstr(text, expected), "%s", text);
}

/* Connectors that the kernel says are on. */
static unsigned count_on(void)
{
	glob_t found;
	unsigned n = 0;
	ck_assert_int_eq(glob("/sys/class/drm/card*-Virtual-*/dpms", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char text[8] = "";
		FILE *file = fopen(found.gl_pathv[i], "re");
		ck_assert_ptr_nonnull(file);
		n += fgets(text, sizeof(text), file) && strcmp(text, "On\n") == 0;
		fclose(file);
	}
	globfree(&found);
	return n;
}

static void power(struct scenario *s, const char *arguments)
{
	FILE *ctl = start_ctl(s, arguments);
	ck_assert_int_eq(pclose(ctl), 0);
}

/* The display sleeps, and what is new is there when it wakes. */
static void check_power(struct scenario *s, struct window *window, struct picture *picture)
{
	const int frames = window->frames, discarded = window->discarded;
	ck_assert_uint_eq(count_on(), 1);
	power(s, "power all off");
	ck_assert_uint_eq(count_on(), 0);
	window_commit(window, picture);
	ck_assert(!client_wait(&s->client, &window->frames, frames + 1, 100));
	ck_assert_int_eq(window->discarded, discarded + 1);
	power(s, "power all on");
	ck_assert(client_wait(&s->client, &window->frames, frames + 1, PATIENCE_MS));
	ck_assert_uint_eq(count_on(), 1);
}

TEST(why_a_surface_is_composed)
{
	struct scenario s;
	struct picture shm;
	struct window second;
	begin(&s);
	show_first(&s);
	check_place(&s, id_of(s.window.surface), "shown on plane ");
	window_init(&second, &s.client);
	picture_init(&s.client, &shm, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&second, &shm);
	check_place(&s, id_of(second.surface), "composed: its memory is wl_shm");
	check_power(&s, &second, &shm);
	window_finish(&second);
	picture_finish(&shm);
	end(&s);
}

/* ---- trace --------------------------------------------------------------------------------- */

static double number_of(struct json_object *event, const char *key)
{
	struct json_object *value = json_object_object_get(event, key);
	ck_assert_msg(json_object_is_type(value, json_type_int) ||
			json_object_is_type(value, json_type_double),
		"%s is no number", key);
	return json_object_get_double(value);
}

/* The Trace Event Format, as far as it is used; counts the events of that name and phase. */
static unsigned check_events(struct json_object *events, const char *name, const char *phase)
{
	unsigned n = 0;
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);
		bool is_bar = strcmp(text_of(event, "ph"), "X") == 0;
		ck_assert(is_bar || strcmp(text_of(event, "ph"), "i") == 0);
		ck_assert(number_of(event, "ts") > 0);
		ck_assert(number_of(event, "pid") > 0);
		ck_assert(number_of(event, "tid") >= 0);
		if (is_bar)
			ck_assert(number_of(event, "dur") >= 0);
		else
			ck_assert_str_eq(text_of(event, "s"), "t");
		ck_assert(json_object_is_type(
			json_object_object_get(event, "args"), json_type_object));
		n += strcmp(text_of(event, "name"), name) == 0 &&
			strcmp(text_of(event, "ph"), phase) == 0;
	}
	return n;
}

/* One commit that waits and is shown, and one that is given up. */
static void make_history(struct scenario *s)
{
	submit_work(s, 2, 1);
	set_points(s, 2, 1, 1);
	window_commit(&s->window, &s->pictures[1]);
	ck_assert(!client_wait(&s->client, &s->window.presented, 2, 100));
	ck_assert_int_eq(sw_sync_advance(s->timeline, 1), 0);
	ck_assert(client_wait(&s->client, &s->window.presented, 2, PATIENCE_MS));
	set_points(s, UINT64_MAX - 1, 2, 1);
	window_commit(&s->window, &s->pictures[2]);
	ck_assert(client_wait(&s->client, &s->window.discarded, 1, PATIENCE_MS));
	ck_assert(client_wait(&s->client, &s->window.frames, 3, PATIENCE_MS));
}

TEST(trace_is_what_viewers_read)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	FILE *ctl = start_ctl(&s, "trace --seconds 3 -o -");
	/* it begins with what comes after the request */
	usleep(1000000);
	make_history(&s);
	struct json_object *trace = finish_ctl(ctl);
	struct json_object *events = json_object_object_get(trace, "traceEvents");
	ck_assert(json_object_is_type(events, json_type_array));
	ck_assert_uint_eq(check_events(events, "acquire", "i"), 2);
	ck_assert_uint_eq(check_events(events, "wait", "i"), 2);
	ck_assert_uint_eq(check_events(events, "latch", "i"), 1);
	/* what is given up may be followed by a repaint of what stays */
	ck_assert_uint_ge(check_events(events, "commit", "i"), 1);
	ck_assert_uint_eq(check_events(events, "flip", "i"), check_events(events, "commit", "i"));
	ck_assert_uint_eq(check_events(events, "discard", "i"), 1);
	/* of what was displaced, and of what was given up */
	ck_assert_uint_eq(check_events(events, "release", "i"), 2);
	ck_assert_uint_eq(check_events(events, "waits for its fences", "X"), 2);
	json_object_put(trace);
	end(&s);
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-why")
