/* SPDX-License-Identifier: MIT */
#include "imports.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <gst/allocators/gstdmabuf.h>

#include "connection.h"
#include "needs.h"

/* More than decoders have; those beyond, unused for longest, are forgotten. */
#define MOST_IMPORTS 48

/* ---- the image in a buffer ----------------------------------------------------------------- */

/* Offsets of GStreamer count from the first byte of the first memory. */
static bool add_plane(GstBuffer *buffer, const GstVideoInfo *info, const GstVideoMeta *meta,
	uint32_t p, struct waybuf_layout *layout)
{
	gsize offset = meta ? meta->offset[p] : info->offset[p];
	gint stride = meta ? meta->stride[p] : info->stride[p];
	guint slot = 0, length = 0;
	gsize skip = 0;
	if (stride <= 0 || !gst_buffer_find_memory(buffer, offset, 1, &slot, &length, &skip))
		return false;
	skip += gst_buffer_peek_memory(buffer, slot)->offset;
	/* Compressed images have planes that their fourcc does not tell of, and rows that nobody counts. */
	bool counted = p < GST_VIDEO_INFO_N_PLANES(info);
	layout->planes[p] = (struct waybuf_plane){
		.slot = slot,
		.offset = (uint32_t)skip,
		.stride = (uint32_t)stride,
		.rows = counted ? needs_rows(info, p, layout->height) : 0,
	};
	return skip <= UINT32_MAX;
}

static bool add_memory(GstMemory *memory, struct waybuf_memory *out, uint64_t *inode)
{
	struct stat info;
	if (!gst_is_dmabuf_memory(memory))
		return false;
	*out = (struct waybuf_memory){
		.fd = gst_dmabuf_memory_get_fd(memory),
		.kind = WAYBUF_MEMORY_DMABUF,
		.size = memory->maxsize,
	};
	if (fstat(out->fd, &info) < 0)
		return false;
	*inode = info.st_ino;
	return true;
}

static bool describe(GstBuffer *buffer, const GstVideoInfo *info, struct import *out)
{
	const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
	struct waybuf_layout *layout = &out->layout;
	layout->n_planes = meta ? meta->n_planes : GST_VIDEO_INFO_N_PLANES(info);
	layout->n_memory = gst_buffer_n_memory(buffer);
	layout->width = meta ? meta->width : (uint32_t)info->width;
	layout->height = meta ? meta->height : (uint32_t)info->height;
	if (layout->n_memory > WAYBUF_MAX_PLANES || layout->n_planes > GST_VIDEO_MAX_PLANES ||
		layout->n_planes < GST_VIDEO_INFO_N_PLANES(info))
		return false;
	for (uint32_t i = 0; i < layout->n_memory; i++)
		if (!add_memory(
			    gst_buffer_peek_memory(buffer, i), &layout->memory[i], &out->inodes[i]))
			return false;
	for (uint32_t p = 0; p < layout->n_planes; p++)
		if (!add_plane(buffer, info, meta, p, layout))
			return false;
	return true;
}

/* ---- those that are known ------------------------------------------------------------------ */

static bool is_same(const struct import *a, const struct import *b)
{
	const struct waybuf_layout *left = &a->layout, *right = &b->layout;
	return left->width == right->width && left->height == right->height &&
		left->format == right->format && left->modifier == right->modifier &&
		left->n_memory == right->n_memory && left->n_planes == right->n_planes &&
		memcmp(a->inodes, b->inodes, sizeof(a->inodes)) == 0 &&
		memcmp(left->planes, right->planes, sizeof(left->planes)) == 0;
}

/* The known one becomes the first. */
static struct import *look_up(struct imports *imports, const struct import *wanted)
{
	for (struct import **at = &imports->first; *at; at = &(*at)->next) {
		struct import *import = *at;
		if (!is_same(import, wanted))
			continue;
		*at = import->next;
		import->next = imports->first;
		imports->first = import;
		return import;
	}
	return NULL;
}

static void destroy(struct imports *imports, struct import *import)
{
	connection_discard(imports->connection, import->held);
	waybuf_client_import_destroy(import->import);
	g_free(import);
}

static void forget_oldest(struct imports *imports)
{
	unsigned n = 0;
	for (struct import **at = &imports->first; *at;) {
		struct import *import = *at;
		if (++n <= MOST_IMPORTS || import->held) {
			at = &import->next;
			continue;
		}
		*at = import->next;
		destroy(imports, import);
	}
}

static struct import_refusal *find_refusal(
	struct imports *imports, const struct waybuf_layout *layout)
{
	for (size_t i = 0; i < G_N_ELEMENTS(imports->refusals); i++) {
		struct import_refusal *refusal = &imports->refusals[i];
		if (refusal->error && refusal->format == layout->format &&
			refusal->modifier == layout->modifier &&
			refusal->n_planes == layout->n_planes && refusal->width == layout->width &&
			refusal->height == layout->height)
			return refusal;
	}
	return NULL;
}

/* An answer that is not waited for again; other errors are found without the compositor. */
static bool is_answer(int error)
{
	return error == -EOPNOTSUPP || error == -ETIMEDOUT;
}

static void note_refusal(struct imports *imports, const struct waybuf_layout *layout, int error)
{
	struct import_refusal *refusal =
		&imports->refusals[imports->n_refusals++ % G_N_ELEMENTS(imports->refusals)];
	*refusal = (struct import_refusal){
		.format = layout->format,
		.modifier = layout->modifier,
		.n_planes = layout->n_planes,
		.width = layout->width,
		.height = layout->height,
		.error = error,
	};
	g_strlcpy(refusal->why, waybuf_client_error(imports->connection->client),
		sizeof(refusal->why));
}

static int make(struct imports *imports, struct import *wanted, const char **why)
{
	struct waybuf_client *client = imports->connection->client;
	const struct import_refusal *refusal = find_refusal(imports, &wanted->layout);
	if (refusal) {
		*why = refusal->why;
		return refusal->error;
	}
	int ret = waybuf_client_import_create(client, &wanted->layout, &wanted->import);
	if (is_answer(ret))
		note_refusal(imports, &wanted->layout, ret);
	*why = ret < 0 ? waybuf_client_error(client) : NULL;
	return ret;
}

int imports_find(struct imports *imports, GstBuffer *buffer, const GstVideoInfo *info,
	uint32_t format, uint64_t modifier, struct import **out, const char **why)
{
	struct import wanted = {.layout = {.format = format, .modifier = modifier}};
	if (!describe(buffer, info, &wanted)) {
		*why = "it is in memory of another element";
		return -EMEDIUMTYPE;
	}
	*out = look_up(imports, &wanted);
	if (*out)
		return 0;
	int ret = make(imports, &wanted, why);
	if (ret < 0)
		return ret;
	struct import *import = g_new(struct import, 1);
	*import = wanted;
	import->next = imports->first;
	imports->first = import;
	forget_oldest(imports);
	*out = import;
	return 0;
}

int import_present(struct imports *imports, struct import *import, GstBuffer *buffer,
	struct wl_surface *surface)
{
	int ret = waybuf_client_import_present(import->import, surface);
	if (ret < 0)
		return ret;
	/* The same memory may come in another buffer while it is still read. */
	connection_discard(imports->connection, import->held);
	import->held = gst_buffer_ref(buffer);
	return 0;
}

void imports_tidy(struct imports *imports)
{
	for (struct import *import = imports->first; import; import = import->next) {
		if (!import->held || waybuf_client_import_is_busy(import->import))
			continue;
		connection_discard(imports->connection, import->held);
		import->held = NULL;
	}
}

void imports_finish(struct imports *imports)
{
	while (imports->first) {
		struct import *import = imports->first;
		imports->first = import->next;
		destroy(imports, import);
	}
	/* The next window's films may fare better. */
	memset(imports->refusals, 0, sizeof(imports->refusals));
}
