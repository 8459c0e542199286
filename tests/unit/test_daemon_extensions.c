/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alpha-modifier-v1-client-protocol.h"
#include "color-representation-v1-client-protocol.h"
#include "content-type-v1-client-protocol.h"
#include "fractional-scale-v1-client-protocol.h"
#include "guest/daemon_fixture.h"
#include "viewporter-client-protocol.h"

/*
 * Each protocol error of what the daemon's other globals add to surfaces, provoked once, by a client
 * that is a process of its own; and that what is nearly an error is none.
 */

struct toys {
	struct client client;
	struct wl_surface *surface;
	struct picture picture; /* 64 x 48 */
	struct wp_viewporter *viewporter;
	struct wp_viewport *viewport;
	struct wp_alpha_modifier_v1 *modifiers;
	struct wp_alpha_modifier_surface_v1 *modifier;
	struct wp_color_representation_manager_v1 *colors;
	struct wp_color_representation_surface_v1 *color;
	struct wp_content_type_manager_v1 *types;
	struct wp_content_type_v1 *type;
	struct wp_fractional_scale_manager_v1 *scales;
	struct wp_fractional_scale_v1 *scale;
};

static wl_fixed_t fixed(double value)
{
	return wl_fixed_from_double(value);
}

static void commit(struct toys *toys)
{
	wl_surface_attach(toys->surface, toys->picture.buffer, 0, 0);
	wl_surface_commit(toys->surface);
}

/* ---- the mistakes -------------------------------------------------------------------------- */

static void viewport_twice(struct toys *toys)
{
	wp_viewporter_get_viewport(toys->viewporter, toys->surface);
}

static void source_negative(struct toys *toys)
{
	wp_viewport_set_source(toys->viewport, -1, 0, fixed(1), fixed(1));
}

static void source_empty(struct toys *toys)
{
	wp_viewport_set_source(toys->viewport, 0, 0, fixed(1), 0);
}

static void source_half_unset(struct toys *toys)
{
	wp_viewport_set_source(toys->viewport, fixed(-1), fixed(-1), fixed(-1), fixed(1));
}

static void destination_zero(struct toys *toys)
{
	wp_viewport_set_destination(toys->viewport, 10, 0);
}

static void destination_half_unset(struct toys *toys)
{
	wp_viewport_set_destination(toys->viewport, -1, 10);
}

static void size_of_parts(struct toys *toys)
{
	wp_viewport_set_source(toys->viewport, 0, 0, fixed(10.5), fixed(10));
	commit(toys);
}

/* It was one with a destination, and that goes. */
static void size_of_parts_later(struct toys *toys)
{
	wp_viewport_set_source(toys->viewport, 0, 0, fixed(10.5), fixed(10));
	wp_viewport_set_destination(toys->viewport, 10, 10);
	commit(toys);
	wp_viewport_set_destination(toys->viewport, -1, -1);
	wl_surface_commit(toys->surface);
}

static void source_too_wide(struct toys *toys)
{
	wp_viewport_set_source(toys->viewport, 1, 0, fixed(64), fixed(48));
	wp_viewport_set_destination(toys->viewport, 10, 10);
	commit(toys);
}

static void source_too_high_when_turned(struct toys *toys)
{
	wl_surface_set_buffer_transform(toys->surface, WL_OUTPUT_TRANSFORM_90);
	wp_viewport_set_source(toys->viewport, 0, 0, fixed(64), fixed(48));
	commit(toys);
}

static void source_too_wide_when_scaled(struct toys *toys)
{
	wl_surface_set_buffer_scale(toys->surface, 2);
	wp_viewport_set_source(toys->viewport, 0, 0, fixed(33), fixed(24));
	commit(toys);
}

/* The buffer that is there already. */
static void source_too_wide_without_a_buffer(struct toys *toys)
{
	commit(toys);
	wp_viewport_set_source(toys->viewport, fixed(60), 0, fixed(5), fixed(5));
	wl_surface_commit(toys->surface);
}

static void source_too_wide_in_a_subsurface(struct toys *toys)
{
	struct wl_surface *parent = wl_compositor_create_surface(toys->client.compositor);
	wl_subcompositor_get_subsurface(toys->client.subcompositor, toys->surface, parent);
	commit(toys);
	wp_viewport_set_source(toys->viewport, fixed(60), 0, fixed(5), fixed(5));
	wl_surface_commit(toys->surface);
	wl_surface_commit(parent);
}

static void source_without_a_surface(struct toys *toys)
{
	wl_surface_destroy(toys->surface);
	wp_viewport_set_source(toys->viewport, 0, 0, fixed(1), fixed(1));
}

static void destination_without_a_surface(struct toys *toys)
{
	wl_surface_destroy(toys->surface);
	wp_viewport_set_destination(toys->viewport, 1, 1);
}

static void modifier_twice(struct toys *toys)
{
	wp_alpha_modifier_v1_get_surface(toys->modifiers, toys->surface);
}

static void modifier_without_a_surface(struct toys *toys)
{
	wl_surface_destroy(toys->surface);
	wp_alpha_modifier_surface_v1_set_multiplier(toys->modifier, 1);
}

#define COEFFICIENTS(name) WP_COLOR_REPRESENTATION_SURFACE_V1_COEFFICIENTS_##name
#define RANGE(name) WP_COLOR_REPRESENTATION_SURFACE_V1_RANGE_##name

static void color_twice(struct toys *toys)
{
	wp_color_representation_manager_v1_get_surface(toys->colors, toys->surface);
}

static void alpha_optical(struct toys *toys)
{
	wp_color_representation_surface_v1_set_alpha_mode(
		toys->color, WP_COLOR_REPRESENTATION_SURFACE_V1_ALPHA_MODE_PREMULTIPLIED_OPTICAL);
}

static void coefficients_unknown(struct toys *toys)
{
	wp_color_representation_surface_v1_set_coefficients_and_range(
		toys->color, COEFFICIENTS(ICTCP), RANGE(FULL));
}

static void rgb_of_limited_range(struct toys *toys)
{
	wp_color_representation_surface_v1_set_coefficients_and_range(
		toys->color, COEFFICIENTS(IDENTITY), RANGE(LIMITED));
}

static void yuv_of_rgb(struct toys *toys)
{
	wp_color_representation_surface_v1_set_coefficients_and_range(
		toys->color, COEFFICIENTS(BT709), RANGE(LIMITED));
	commit(toys);
}

static void chroma_of_rgb(struct toys *toys)
{
	wp_color_representation_surface_v1_set_chroma_location(
		toys->color, WP_COLOR_REPRESENTATION_SURFACE_V1_CHROMA_LOCATION_TYPE_1);
	commit(toys);
}

static void chroma_unknown(struct toys *toys)
{
	wp_color_representation_surface_v1_set_chroma_location(toys->color, 7);
}

static void alpha_without_a_surface(struct toys *toys)
{
	wl_surface_destroy(toys->surface);
	wp_color_representation_surface_v1_set_alpha_mode(
		toys->color, WP_COLOR_REPRESENTATION_SURFACE_V1_ALPHA_MODE_STRAIGHT);
}

static void coefficients_without_a_surface(struct toys *toys)
{
	wl_surface_destroy(toys->surface);
	wp_color_representation_surface_v1_set_coefficients_and_range(
		toys->color, COEFFICIENTS(IDENTITY), RANGE(FULL));
}

static void chroma_without_a_surface(struct toys *toys)
{
	wl_surface_destroy(toys->surface);
	wp_color_representation_surface_v1_set_chroma_location(
		toys->color, WP_COLOR_REPRESENTATION_SURFACE_V1_CHROMA_LOCATION_TYPE_1);
}

static void content_type_twice(struct toys *toys)
{
	wp_content_type_manager_v1_get_surface_content_type(toys->types, toys->surface);
}

static void fractional_scale_twice(struct toys *toys)
{
	wp_fractional_scale_manager_v1_get_fractional_scale(toys->scales, toys->surface);
}

#define MISTAKE(name, interface, error) {#name, name, #interface, error}
#define COLOR_MISTAKE(name, error) \
	MISTAKE(name, wp_color_representation_surface_v1, \
		WP_COLOR_REPRESENTATION_SURFACE_V1_ERROR_##error)

static const struct mistake {
	const char *name;
	void (*make)(struct toys *toys);
	const char *interface;
	uint32_t error;
} mistakes[] = {
	MISTAKE(viewport_twice, wp_viewporter, WP_VIEWPORTER_ERROR_VIEWPORT_EXISTS),
	MISTAKE(source_negative, wp_viewport, WP_VIEWPORT_ERROR_BAD_VALUE),
	MISTAKE(source_empty, wp_viewport, WP_VIEWPORT_ERROR_BAD_VALUE),
	MISTAKE(source_half_unset, wp_viewport, WP_VIEWPORT_ERROR_BAD_VALUE),
	MISTAKE(destination_zero, wp_viewport, WP_VIEWPORT_ERROR_BAD_VALUE),
	MISTAKE(destination_half_unset, wp_viewport, WP_VIEWPORT_ERROR_BAD_VALUE),
	MISTAKE(size_of_parts, wp_viewport, WP_VIEWPORT_ERROR_BAD_SIZE),
	MISTAKE(size_of_parts_later, wp_viewport, WP_VIEWPORT_ERROR_BAD_SIZE),
	MISTAKE(source_too_wide, wp_viewport, WP_VIEWPORT_ERROR_OUT_OF_BUFFER),
	MISTAKE(source_too_high_when_turned, wp_viewport, WP_VIEWPORT_ERROR_OUT_OF_BUFFER),
	MISTAKE(source_too_wide_when_scaled, wp_viewport, WP_VIEWPORT_ERROR_OUT_OF_BUFFER),
	MISTAKE(source_too_wide_without_a_buffer, wp_viewport, WP_VIEWPORT_ERROR_OUT_OF_BUFFER),
	MISTAKE(source_too_wide_in_a_subsurface, wp_viewport, WP_VIEWPORT_ERROR_OUT_OF_BUFFER),
	MISTAKE(source_without_a_surface, wp_viewport, WP_VIEWPORT_ERROR_NO_SURFACE),
	MISTAKE(destination_without_a_surface, wp_viewport, WP_VIEWPORT_ERROR_NO_SURFACE),
	MISTAKE(modifier_twice, wp_alpha_modifier_v1,
		WP_ALPHA_MODIFIER_V1_ERROR_ALREADY_CONSTRUCTED),
	MISTAKE(modifier_without_a_surface, wp_alpha_modifier_surface_v1,
		WP_ALPHA_MODIFIER_SURFACE_V1_ERROR_NO_SURFACE),
	MISTAKE(color_twice, wp_color_representation_manager_v1,
		WP_COLOR_REPRESENTATION_MANAGER_V1_ERROR_SURFACE_EXISTS),
	MISTAKE(content_type_twice, wp_content_type_manager_v1,
		WP_CONTENT_TYPE_MANAGER_V1_ERROR_ALREADY_CONSTRUCTED),
	MISTAKE(fractional_scale_twice, wp_fractional_scale_manager_v1,
		WP_FRACTIONAL_SCALE_MANAGER_V1_ERROR_FRACTIONAL_SCALE_EXISTS),
	COLOR_MISTAKE(alpha_optical, ALPHA_MODE),
	COLOR_MISTAKE(coefficients_unknown, COEFFICIENTS),
	COLOR_MISTAKE(rgb_of_limited_range, COEFFICIENTS),
	COLOR_MISTAKE(yuv_of_rgb, PIXEL_FORMAT),
	COLOR_MISTAKE(chroma_of_rgb, PIXEL_FORMAT),
	/* CHROMA_LOCATION, which older protocol files have not got */
	MISTAKE(chroma_unknown, wp_color_representation_surface_v1, 5),
	COLOR_MISTAKE(alpha_without_a_surface, INERT),
	COLOR_MISTAKE(coefficients_without_a_surface, INERT),
	COLOR_MISTAKE(chroma_without_a_surface, INERT),
};

static void toys_init(struct toys *toys, const struct daemon *daemon)
{
	*toys = (struct toys){.surface = NULL};
	client_connect(&toys->client, daemon);
	toys->surface = wl_compositor_create_surface(toys->client.compositor);
	picture_init(&toys->client, &toys->picture, PICTURE_SHM, 64, 48, DRM_FORMAT_XRGB8888);
	toys->viewporter = client_bind(&toys->client, &wp_viewporter_interface, 1);
	toys->viewport = wp_viewporter_get_viewport(toys->viewporter, toys->surface);
	toys->modifiers = client_bind(&toys->client, &wp_alpha_modifier_v1_interface, 1);
	toys->modifier = wp_alpha_modifier_v1_get_surface(toys->modifiers, toys->surface);
	toys->colors = client_bind(&toys->client, &wp_color_representation_manager_v1_interface, 1);
	toys->color = wp_color_representation_manager_v1_get_surface(toys->colors, toys->surface);
	toys->types = client_bind(&toys->client, &wp_content_type_manager_v1_interface, 1);
	toys->type =
		wp_content_type_manager_v1_get_surface_content_type(toys->types, toys->surface);
	toys->scales = client_bind(&toys->client, &wp_fractional_scale_manager_v1_interface, 1);
	toys->scale =
		wp_fractional_scale_manager_v1_get_fractional_scale(toys->scales, toys->surface);
}

enum { TOLD = 0, NOT_TOLD, WRONG_ERROR, WRONG_INTERFACE };

/* In the child: its exit code. */
static int err(const struct daemon *daemon, const struct mistake *mistake)
{
	struct toys toys;
	toys_init(&toys, daemon);
	if (!client_sync(&toys.client))
		return 100;
	mistake->make(&toys);
	if (client_sync(&toys.client) || wl_display_get_error(toys.client.display) != EPROTO)
		return NOT_TOLD;
	const struct wl_interface *interface = NULL;
	uint32_t id, error = wl_display_get_protocol_error(toys.client.display, &interface, &id);
	if (error != mistake->error)
		return WRONG_ERROR;
	const char *name = interface ? interface->name : "";
	return strcmp(name, mistake->interface) == 0 ? TOLD : WRONG_INTERFACE;
}

TEST(every_error)
{
	struct daemon daemon;
	daemon_start(&daemon, NULL);
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			_exit(err(&daemon, &mistakes[i]));
		int status;
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == TOLD, "%s: status %x",
			mistakes[i].name, (unsigned)status);
	}
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

/* To the last part of a pixel, in any order, and without a buffer. */
TEST(no_error)
{
	struct daemon daemon;
	struct toys toys;
	daemon_start(&daemon, NULL);
	toys_init(&toys, &daemon);
	wp_viewport_set_source(toys.viewport, 0, 0, INT32_MAX, INT32_MAX);
	wp_viewport_set_destination(toys.viewport, INT32_MAX, INT32_MAX);
	wl_surface_commit(toys.surface);
	wp_viewport_set_source(toys.viewport, 1, 0, fixed(64) - 1, fixed(48));
	commit(&toys);
	wp_viewport_set_source(toys.viewport, fixed(-1), fixed(-1), fixed(-1), fixed(-1));
	wp_viewport_set_destination(toys.viewport, -1, -1);
	commit(&toys);
	/* RGB with the coefficients of RGB */
	wp_color_representation_surface_v1_set_coefficients_and_range(
		toys.color, COEFFICIENTS(IDENTITY), RANGE(FULL));
	commit(&toys);
	/* too large for the buffer that is there, and not for the one that comes with it */
	struct picture large;
	picture_init(&toys.client, &large, PICTURE_SHM, 200, 200, DRM_FORMAT_XRGB8888);
	wp_viewport_set_source(toys.viewport, fixed(100), fixed(100), fixed(100), fixed(100));
	wl_surface_attach(toys.surface, large.buffer, 0, 0);
	wl_surface_commit(toys.surface);
	/* what goes takes its state along with the next commit, whatever that brings */
	wp_viewport_destroy(toys.viewport);
	commit(&toys);
	toys.viewport = wp_viewporter_get_viewport(toys.viewporter, toys.surface);
	wp_viewporter_destroy(toys.viewporter);
	wl_surface_destroy(toys.surface);
	wp_viewport_destroy(toys.viewport);
	wp_alpha_modifier_surface_v1_destroy(toys.modifier);
	wp_alpha_modifier_v1_destroy(toys.modifiers);
	wp_color_representation_surface_v1_destroy(toys.color);
	wp_color_representation_manager_v1_destroy(toys.colors);
	/* of a surface that is gone */
	wp_content_type_v1_set_content_type(toys.type, WP_CONTENT_TYPE_V1_TYPE_GAME);
	wp_content_type_v1_destroy(toys.type);
	wp_content_type_manager_v1_destroy(toys.types);
	wp_fractional_scale_v1_destroy(toys.scale);
	wp_fractional_scale_manager_v1_destroy(toys.scales);
	ck_assert(client_sync(&toys.client));
	picture_finish(&large);
	picture_finish(&toys.picture);
	client_disconnect(&toys.client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-extensions")
