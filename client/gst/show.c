/* SPDX-License-Identifier: MIT */
#include "show.h"

#include <errno.h>
#include <string.h>

#include <drm_fourcc.h>

#include "connection.h"
#include "debug.h"
#include "set.h"

void show_init(struct show *show, struct connection *connection)
{
	*show = (struct show){
		.connection = connection, .imports = {.connection = connection}, .scale = true};
}

void frame_clear(struct frame *frame)
{
	gst_clear_buffer(&frame->buffer);
	gst_clear_buffer(&frame->source);
	*frame = (struct frame){0};
}

/* ---- what a frame is ----------------------------------------------------------------------- */

/* The caps are of what is to be seen, the meta is of what is in memory. */
static GstVideoInfo info_of(const GstVideoInfo *caps, GstBuffer *buffer)
{
	const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
	GstVideoInfo info = *caps;
	if (!meta || (meta->width == (guint)caps->width && meta->height == (guint)caps->height))
		return info;
	if (!gst_video_info_set_interlaced_format(&info, GST_VIDEO_INFO_FORMAT(caps),
		    GST_VIDEO_INFO_INTERLACE_MODE(caps), meta->width, meta->height))
		return *caps;
	info.par_n = caps->par_n;
	info.par_d = caps->par_d;
	info.fps_n = caps->fps_n;
	info.fps_d = caps->fps_d;
	info.colorimetry = caps->colorimetry;
	info.chroma_site = caps->chroma_site;
	return info;
}

/* Where no crop is told, an image that is larger than its caps has margins. */
static GstVideoRectangle part_of(const struct show *show, GstBuffer *buffer)
{
	const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta(buffer);
	const GstVideoInfo *caps = &show->picture.info;
	if (!crop || !crop->width || !crop->height || crop->x > G_MAXINT || crop->y > G_MAXINT)
		return (GstVideoRectangle){.w = caps->width, .h = caps->height};
	return (GstVideoRectangle){
		.x = (gint)crop->x,
		.y = (gint)crop->y,
		.w = (gint)MIN(crop->width, G_MAXINT),
		.h = (gint)MIN(crop->height, G_MAXINT),
	};
}

static struct view view_of(const struct show *show, const GstVideoInfo *info, GstBuffer *buffer)
{
	const GstVideoRectangle part = part_of(show, buffer);
	uint32_t width = (uint32_t)info->width, height = (uint32_t)info->height;
	struct view view = {.width = width, .height = height, .scale = show->scale};
	if (part.x < info->width && part.y < info->height) {
		view.x = (uint32_t)part.x;
		view.y = (uint32_t)part.y;
		view.width = MIN((uint32_t)part.w, width - view.x);
		view.height = MIN((uint32_t)part.h, height - view.y);
	}
	view.shown_width = view.width;
	view.shown_height = view.height;
	/* never smaller than what is there */
	if (info->par_n > info->par_d && info->par_d > 0)
		view.shown_width = (uint32_t)gst_util_uint64_scale_round(
			view.width, (guint64)info->par_n, (guint64)info->par_d);
	else if (info->par_n > 0)
		view.shown_height = (uint32_t)gst_util_uint64_scale_round(
			view.height, (guint64)info->par_d, (guint64)info->par_n);
	view.shown_width = CLAMP(view.shown_width, 1, 65536);
	view.shown_height = CLAMP(view.shown_height, 1, 65536);
	return view;
}

/* Whether the planes are where the display looks for them: elements may have put another meta on. */
static bool is_in_place(const struct slot *slot, GstBuffer *buffer)
{
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(slot->buffer);
	const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
	if (!layout || !meta || meta->n_planes != layout->n_planes)
		return false;
	for (uint32_t p = 0; p < layout->n_planes; p++)
		if (meta->offset[p] != set_plane_offset(layout, p) ||
			meta->stride[p] != (gint)layout->planes[p].stride)
			return false;
	return true;
}

static struct slot *direct_slot(
	const struct show *show, const GstVideoInfo *info, GstBuffer *buffer)
{
	struct slot *slot = slot_of(buffer);
	return slot && slot->set->connection == show->connection &&
			slot->set->needs.format == show->picture.format &&
			slot->set->needs.info.width == info->width &&
			slot->set->needs.info.height == info->height && is_in_place(slot, buffer)
		? slot
		: NULL;
}

/* No CPU reads other images: they are shown where they are, or not at all. */
static bool is_linear(const struct show *show)
{
	return show->picture.modifier == DRM_FORMAT_MOD_LINEAR;
}

/* Why it is shown as a copy only, whatever its memory is; NULL: it need not be. */
static const char *why_not(const struct show *show, const struct frame *frame)
{
	const struct globals *globals = &show->connection->globals;
	const struct view *view = &frame->view;
	const GstVideoInfo *info = &frame->info;
	bool cropped =
		view->width != (uint32_t)info->width || view->height != (uint32_t)info->height;
	bool oblong = view->shown_width != view->width || view->shown_height != view->height;
	if (show->refused && is_linear(show))
		return "the compositor does not import the memory that was made for it";
	if (cropped && !globals->viewporter)
		return "it is cropped, and the compositor has no wp_viewporter";
	if (oblong && !globals->viewporter)
		return "its pixels are not square, and the compositor has no wp_viewporter";
	return is_linear(show) ? coding_refusal(&frame->coding, globals) : NULL;
}

/* Of @buffer as it is. NULL, or why that cannot be shown. Within the connection. */
static const char *take_as_it_is(struct show *show, GstBuffer *buffer, struct frame *frame)
{
	const char *why = why_not(show, frame);
	if (why)
		return why;
	frame->slot = direct_slot(show, &frame->info, buffer);
	if (frame->slot)
		return NULL;
	int ret = imports_find(&show->imports, buffer, &frame->info, show->picture.format,
		show->picture.modifier, &frame->import, &why);
	return ret < 0 ? why : NULL;
}

/* ---- copies -------------------------------------------------------------------------------- */

static struct convert_wish wish_of(const struct show *show, const struct frame *frame)
{
	const struct globals *globals = &show->connection->globals;
	const struct view *view = &frame->view;
	bool whole = globals->viewporter;
	const GstVideoInfo *info = &frame->info;
	return (struct convert_wish){
		.part = {.x = whole ? 0 : (gint)view->x,
			.y = whole ? 0 : (gint)view->y,
			.w = whole ? info->width : (gint)view->width,
			.h = whole ? info->height : (gint)view->height},
		.width = whole ? info->width : (gint)view->shown_width,
		.height = whole ? info->height : (gint)view->shown_height,
		.rgb = show->rgb || coding_refusal(&frame->coding, globals),
	};
}

/* Where the compositor cannot crop and scale, that is done. */
static void follow_copy(struct frame *frame, const struct convert *convert, bool whole)
{
	const GstVideoInfo *to = &convert->to;
	frame->width = (uint32_t)to->width;
	frame->height = (uint32_t)to->height;
	frame->coding = coding_of(to);
	if (whole)
		return;
	frame->view.x = frame->view.y = 0;
	frame->view.width = frame->view.shown_width = frame->width;
	frame->view.height = frame->view.shown_height = frame->height;
}

static enum show_status copy(
	struct show *show, GstBuffer *buffer, struct frame *frame, const char **why)
{
	struct convert_wish wish = wish_of(show, frame);
	frame->buffer =
		convert_frame(&show->convert, show->connection, buffer, &frame->info, &wish, why);
	if (!frame->buffer && *why && !wish.rgb) {
		wish.rgb = show->rgb = true;
		frame->buffer = convert_frame(
			&show->convert, show->connection, buffer, &frame->info, &wish, why);
	}
	if (!frame->buffer)
		return *why ? SHOW_NEVER : SHOW_LATER;
	frame->slot = slot_of(frame->buffer);
	if (!frame->slot) {
		gst_clear_buffer(&frame->buffer);
		return SHOW_LATER;
	}
	follow_copy(frame, &show->convert, show->connection->globals.viewporter);
	return SHOW_READY;
}

/* A reason that lasts is told once. */
static const char *news(struct show *show, const char *why)
{
	if (strncmp(show->told, why, sizeof(show->told) - 1) == 0)
		return NULL;
	g_strlcpy(show->told, why, sizeof(show->told));
	return show->told;
}

/* What is left of it in wrong colours is told. */
static enum show_status take(
	struct show *show, GstBuffer *buffer, struct frame *frame, const char **why)
{
	const char *refusal = coding_refusal(&frame->coding, &show->connection->globals);
	frame->buffer = gst_buffer_ref(buffer);
	frame->source = gst_buffer_ref(buffer);
	*why = refusal ? news(show, refusal) : NULL;
	return SHOW_READY;
}

static struct frame frame_of(const struct show *show, GstBuffer *buffer)
{
	const GstVideoInfo info = info_of(&show->picture.info, buffer);
	return (struct frame){
		.info = info,
		.view = view_of(show, &info, buffer),
		.coding = coding_of(&info),
		.width = (uint32_t)info.width,
		.height = (uint32_t)info.height,
	};
}

enum show_status show_prepare(
	struct show *show, GstBuffer *buffer, struct frame *frame, const char **why)
{
	const char *reason, *failure = NULL;
	char kept[512] = "";
	connection_enter(show->connection);
	*frame = frame_of(show, buffer);
	reason = take_as_it_is(show, buffer, frame);
	if (reason)
		g_strlcpy(kept, reason, sizeof(kept));
	connection_leave(show->connection);
	*why = NULL;
	if (!reason)
		return take(show, buffer, frame, why);
	if (!is_linear(show)) {
		g_strlcpy(show->told, kept, sizeof(show->told));
		*why = show->told;
		return SHOW_NEVER;
	}
	enum show_status status = copy(show, buffer, frame, &failure);
	if (status == SHOW_READY)
		frame->source = gst_buffer_ref(buffer);
	if (status == SHOW_READY)
		*why = news(show, kept);
	if (status == SHOW_NEVER)
		*why = failure;
	return status;
}

/* ---- to the window ------------------------------------------------------------------------- */

/* References go where nobody holds the connection. */
static void discard(struct show *show, struct frame *frame)
{
	connection_discard(show->connection, frame->buffer);
	connection_discard(show->connection, frame->source);
	*frame = (struct frame){0};
}

static int present(struct show *show, struct frame *frame)
{
	struct slot *slot = frame->slot;
	if (!slot)
		return import_present(
			&show->imports, frame->import, frame->buffer, show->window->surface);
	int ret = slot->shared ? 0 : waybuf_client_buffer_share(slot->buffer);
	if (ret < 0)
		return ret;
	slot->shared = true;
	return waybuf_client_buffer_present(slot->buffer, show->window->surface);
}

static void count(struct show *show, const struct frame *frame)
{
	show->view = frame->view;
	show->has_view = true;
	show->connection->shown = frame->slot ? frame->slot->set : NULL;
	show->counts.imported += frame->import != NULL;
	show->counts.direct += frame->slot && frame->buffer == frame->source;
	show->counts.copied += frame->slot && frame->buffer != frame->source;
}

/* What is refused goes on as copies, in memory that is negotiated anew; of copies the next may do. */
static void give_up(struct show *show, const struct frame *frame, int error)
{
	show->counts.failed++;
	window_cancel(show->window);
	GST_DEBUG("a frame is not shown: %s", waybuf_client_error(show->connection->client));
	if (error == -EOPNOTSUPP && frame->slot && frame->buffer == frame->source)
		show->refused = true;
	else if (!show->has_view && show->counts.failed > 8)
		show->error = error;
}

static void show_waiting(struct show *show)
{
	struct frame frame = show->waiting;
	show->waiting = (struct frame){0};
	window_prepare(show->window, &frame.view, frame.width, frame.height, &frame.coding);
	int ret = present(show, &frame);
	if (ret == 0)
		count(show, &frame);
	else
		give_up(show, &frame, ret);
	discard(show, &frame);
}

void show_queue(struct show *show, struct frame *frame)
{
	show->counts.replaced += show->waiting.buffer != NULL;
	discard(show, &show->waiting);
	connection_discard(show->connection, show->newest);
	show->newest = gst_buffer_ref(frame->source);
	if (frame->buffer != frame->source)
		show->counts.copied_bytes += show->convert.to.size;
	show->waiting = *frame;
	*frame = (struct frame){0};
}

void show_turn(struct show *show)
{
	imports_tidy(&show->imports);
	if (!show->window || show->connection->broken)
		return;
	if (show->waiting.buffer && window_is_ready(show->window))
		show_waiting(show);
	else if (show->window->resized && show->has_view)
		window_follow(show->window, &show->view);
}

void show_flush(struct show *show)
{
	discard(show, &show->waiting);
	connection_discard(show->connection, show->newest);
	show->newest = NULL;
}

void show_close(struct show *show)
{
	show_flush(show);
	window_destroy(show->window);
	show->window = NULL;
	show->has_view = false;
	show->error = 0;
	show->connection->shown = NULL;
	imports_finish(&show->imports);
}

GstStructure *show_stats(const struct show *show)
{
	const struct show_counts *counts = &show->counts;
	const struct window *window = show->window;
	return gst_structure_new("waybuf-display-stats", "direct", G_TYPE_UINT64, counts->direct,
		"imported", G_TYPE_UINT64, counts->imported, "copied", G_TYPE_UINT64,
		counts->copied, "copied-bytes", G_TYPE_UINT64, counts->copied_bytes, "replaced",
		G_TYPE_UINT64, counts->replaced, "failed", G_TYPE_UINT64, counts->failed,
		"presented", G_TYPE_UINT64, window ? window->presented : 0, "zero-copy",
		G_TYPE_UINT64, window ? window->zero_copy : 0, "discarded", G_TYPE_UINT64,
		window ? window->discarded : 0, NULL);
}
