/* SPDX-License-Identifier: MIT */
#include <cursor-shape-v1-server-protocol.h>

#include "../daemon.h"
#include "cursor.h"
#include "cursor_shape.h"
#include "seat.h"

/* Of version 2, and so as many as are known here, whatever a newer protocol file has. */
enum { VERSION = 2, SHAPES = 37 };

/*
 * What a shape is called in themes: as in CSS, and as X11 had it, which is all that older themes and
 * libwayland-cursor itself have. Who has neither shows an arrow.
 */
static const char *const names[SHAPES][3] = {
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_DEFAULT] = {"default", "left_ptr"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_CONTEXT_MENU] = {"context-menu"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_HELP] = {"help", "question_arrow"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_POINTER] = {"pointer", "hand1"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_PROGRESS] = {"progress", "left_ptr_watch"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_WAIT] = {"wait", "watch"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_CELL] = {"cell", "plus"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_CROSSHAIR] = {"crosshair", "cross"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_TEXT] = {"text", "xterm"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_VERTICAL_TEXT] = {"vertical-text"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_ALIAS] = {"alias", "dnd-link"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_COPY] = {"copy", "dnd-copy"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_MOVE] = {"move", "dnd-move"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_NO_DROP] = {"no-drop", "dnd-none"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_NOT_ALLOWED] = {"not-allowed", "crossed_circle"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_GRAB] = {"grab", "hand1"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_GRABBING] = {"grabbing", "grabbing"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_E_RESIZE] = {"e-resize", "right_side"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_N_RESIZE] = {"n-resize", "top_side"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_NE_RESIZE] = {"ne-resize", "top_right_corner"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_NW_RESIZE] = {"nw-resize", "top_left_corner"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_S_RESIZE] = {"s-resize", "bottom_side"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_SE_RESIZE] = {"se-resize", "bottom_right_corner"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_SW_RESIZE] = {"sw-resize", "bottom_left_corner"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_W_RESIZE] = {"w-resize", "left_side"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_EW_RESIZE] = {"ew-resize", "sb_h_double_arrow"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_NS_RESIZE] = {"ns-resize", "sb_v_double_arrow"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_NESW_RESIZE] = {"nesw-resize", "fd_double_arrow"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_NWSE_RESIZE] = {"nwse-resize", "bd_double_arrow"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_COL_RESIZE] = {"col-resize", "sb_h_double_arrow"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_ROW_RESIZE] = {"row-resize", "sb_v_double_arrow"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_ALL_SCROLL] = {"all-scroll", "fleur"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_ZOOM_IN] = {"zoom-in"},
	[WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_ZOOM_OUT] = {"zoom-out"},
	/* of version 2, which older protocol files do not name */
	[35] = {"dnd-ask", "copy"},
	[36] = {"all-resize", "move"},
};

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* In version 1 there were two fewer. */
static bool is_shape(const struct wl_resource *resource, uint32_t shape)
{
	uint32_t end = wl_resource_get_version((struct wl_resource *)resource) < 2 ? 35 : SHAPES;
	return shape > 0 && shape < end;
}

/* Who is not pointed at any more has lost a race, and made no mistake. */
static void handle_set_shape(
	struct wl_client *client, struct wl_resource *resource, uint32_t serial, uint32_t shape)
{
	struct seat *seat = wl_resource_get_user_data(resource);
	if (!is_shape(resource, shape)) {
		wl_resource_post_error(resource, WP_CURSOR_SHAPE_DEVICE_V1_ERROR_INVALID_SHAPE,
			"%u is no shape", shape);
		return;
	}
	if (seat && pointer_may_set_cursor(seat, resource, serial))
		cursor_set_names(seat, names[shape]);
}

static const struct wp_cursor_shape_device_v1_interface device_impl = {
	.destroy = handle_destroy,
	.set_shape = handle_set_shape,
};

/* @seat NULL: it stays without effect. */
static void create_device(
	struct wl_client *client, struct wl_resource *manager, uint32_t id, struct seat *seat)
{
	struct wl_resource *resource = wl_resource_create(
		client, &wp_cursor_shape_device_v1_interface, wl_resource_get_version(manager), id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &device_impl, seat, NULL);
}

static void handle_get_pointer(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *pointer)
{
	create_device(client, resource, id, wl_resource_get_user_data(pointer));
}

/* Nobody can have a tool: there are no tablets. */
static void handle_get_tablet_tool(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *tool)
{
	create_device(client, resource, id, NULL);
}

static const struct wp_cursor_shape_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_pointer = handle_get_pointer,
	.get_tablet_tool_v2 = handle_get_tablet_tool,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wp_cursor_shape_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

/* Protocol files of before version 2 are good enough. */
struct wl_global *cursor_shape_create_global(struct seat *seat)
{
	const struct wl_interface *interface = &wp_cursor_shape_manager_v1_interface;
	int version = interface->version < VERSION ? interface->version : VERSION;
	return wl_global_create(seat->daemon->display, interface, version, seat, bind_manager);
}
