/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <errno.h>
#include <poll.h>

#include "connection.h"
#include "debug.h"
#include "set.h"

/*
 * Elements may want more buffers than a server gives, and wait for them with those that they have in
 * their hands. Where they have set no limit, the rest is of plain memory, after this time.
 */
#define PATIENCE_US G_USEC_PER_SEC
/* A fence that has not signalled by then is not waited for by the library either. */
#define FENCE_MS 5000

typedef struct {
	GstVideoBufferPool parent;
	struct connection *connection;
	/* NULL: it is not started, or its memory is plain */
	struct set *set;
	struct needs needs;
	/* static text, or of the client's; NULL: nothing is wrong */
	const char *unfit;
	char *why;
	guint max_buffers;
	/* the last one did not come in time, and the next is not waited for */
	bool late;
} WaybufPool;

typedef GstVideoBufferPoolClass WaybufPoolClass;

static GType waybuf_pool_get_type(void);
G_DEFINE_TYPE(WaybufPool, waybuf_pool, GST_TYPE_VIDEO_BUFFER_POOL)

static GstBufferPoolClass *parent_class(void)
{
	return GST_BUFFER_POOL_CLASS(waybuf_pool_parent_class);
}

/* ---- configuration ------------------------------------------------------------------------- */

/* The picture begins with its memory. False if the config asked for something else. */
static gboolean remove_margins(GstStructure *config)
{
	GstVideoAlignment align;
	if (!gst_buffer_pool_config_has_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT) ||
		!gst_buffer_pool_config_get_video_alignment(config, &align) ||
		(align.padding_left == 0 && align.padding_top == 0))
		return TRUE;
	align.padding_left = align.padding_top = 0;
	gst_buffer_pool_config_set_video_alignment(config, &align);
	return FALSE;
}

static gboolean handle_set_config(GstBufferPool *base, GstStructure *config)
{
	WaybufPool *pool = (WaybufPool *)base;
	GstVideoInfo info;
	GstCaps *caps = NULL;
	gboolean as_wanted = remove_margins(config);
	if (!parent_class()->set_config(base, config) ||
		!gst_buffer_pool_config_get_params(config, &caps, NULL, NULL, &pool->max_buffers) ||
		!gst_video_info_from_caps(&info, caps))
		return FALSE;
	pool->unfit = needs_init(&pool->needs, &info, config);
	return as_wanted;
}

/* ---- start and stop ------------------------------------------------------------------------ */

static uint32_t count_of(const WaybufPool *pool)
{
	return pool->max_buffers > 0 && pool->max_buffers < MOST_BUFFERS ? pool->max_buffers
									 : MOST_BUFFERS;
}

static const char *start(WaybufPool *pool)
{
	if (pool->unfit)
		return pool->unfit;
	int ret = set_create(pool->connection, &pool->needs, count_of(pool), &pool->set);
	if (ret == 0)
		return NULL;
	if (pool->connection->broken || !pool->connection->client)
		return "the connection is over";
	return ret == -EBADMSG ? "the memory that was granted is not laid out as it was asked for"
			       : waybuf_client_error(pool->connection->client);
}

/* What was made at first is of plain memory, until the pool is stopped. */
static gboolean handle_start(GstBufferPool *base)
{
	WaybufPool *pool = (WaybufPool *)base;
	connection_enter(pool->connection);
	g_free(pool->why);
	pool->why = g_strdup(start(pool));
	connection_leave(pool->connection);
	if (!pool->why)
		return TRUE;
	GST_INFO_OBJECT(pool, "plain memory: %s", pool->why);
	return parent_class()->start(base);
}

static gboolean handle_stop(GstBufferPool *base)
{
	WaybufPool *pool = (WaybufPool *)base;
	connection_enter(pool->connection);
	/* Those of a connection that is closing are over, and may have gone. */
	if (pool->set && !pool->connection->closing)
		pool->set->over = true;
	pool->set = NULL;
	connection_leave(pool->connection);
	return parent_class()->stop(base);
}

/* Who waits for a buffer looks whether it still should. */
static void handle_flush_start(GstBufferPool *base)
{
	WaybufPool *pool = (WaybufPool *)base;
	connection_enter(pool->connection);
	connection_leave(pool->connection);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static void add_meta(GstBuffer *buffer, const struct slot *slot, const struct waybuf_layout *layout)
{
	const GstVideoInfo *info = &slot->set->needs.info;
	gsize offsets[GST_VIDEO_MAX_PLANES] = {0};
	gint strides[GST_VIDEO_MAX_PLANES] = {0};
	for (uint32_t p = 0; p < layout->n_planes; p++) {
		offsets[p] = set_plane_offset(layout, p);
		strides[p] = (gint)layout->planes[p].stride;
	}
	gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE,
		GST_VIDEO_INFO_FORMAT(info), (guint)info->width, (guint)info->height,
		layout->n_planes, offsets, strides);
}

static GstBuffer *make_buffer(const struct slot *slot)
{
	GstBuffer *buffer = gst_buffer_new();
	for (uint32_t i = 0; i < slot->n_memories; i++)
		gst_buffer_append_memory(buffer, slot->memories[i]);
	add_meta(buffer, slot, waybuf_client_buffer_get_layout(slot->buffer));
	return buffer;
}

/* The display may be reading what was shown before. Without the connection, because it waits. */
static bool wait_fence(const struct slot *slot)
{
	struct pollfd pollfd = {
		.fd = waybuf_client_buffer_get_fence(slot->buffer), .events = POLLIN};
	return pollfd.fd < 0 || poll(&pollfd, 1, FENCE_MS) > 0;
}

/* Whether an answer may still come. */
static bool is_passing(int error)
{
	return error == -EAGAIN || error == -EBUSY || error == -EDQUOT || error == -ENOMEM;
}

static bool is_flushing(WaybufPool *pool)
{
	GstBufferPool *base = GST_BUFFER_POOL_CAST(pool);
	return GST_BUFFER_POOL_IS_FLUSHING(base);
}

static bool may_wait(WaybufPool *pool, const GstBufferPoolAcquireParams *params)
{
	return !(params && params->flags & GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT) &&
		!is_flushing(pool) && !pool->connection->broken;
}

static int64_t end_of_patience(const WaybufPool *pool)
{
	if (pool->max_buffers)
		return G_MAXINT64;
	return g_get_monotonic_time() + (pool->late ? 0 : PATIENCE_US);
}

/* Within the connection. 0, or why there is none. */
static int take(WaybufPool *pool, const GstBufferPoolAcquireParams *params, struct slot **out)
{
	int64_t end = end_of_patience(pool);
	int ret = -EPIPE;
	while (pool->connection->client && !pool->connection->closing && pool->set) {
		ret = set_take(pool->set, out);
		if (!is_passing(ret) || !may_wait(pool, params) || g_get_monotonic_time() >= end)
			break;
		connection_wait(pool->connection, end);
	}
	pool->late = is_passing(ret) && g_get_monotonic_time() >= end;
	return ret;
}

static GstFlowReturn plain_instead(
	WaybufPool *pool, int error, GstBuffer **out, GstBufferPoolAcquireParams *params)
{
	if (is_flushing(pool))
		return GST_FLOW_FLUSHING;
	if (params && params->flags & GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT)
		return GST_FLOW_EOS;
	GST_DEBUG_OBJECT(pool, "a buffer of plain memory: %s", g_strerror(-error));
	return parent_class()->alloc_buffer(GST_BUFFER_POOL_CAST(pool), out, params);
}

static GstFlowReturn handle_acquire(
	GstBufferPool *base, GstBuffer **out, GstBufferPoolAcquireParams *params)
{
	WaybufPool *pool = (WaybufPool *)base;
	struct slot *slot = NULL;
	if (!pool->set)
		return parent_class()->acquire_buffer(base, out, params);
	connection_enter(pool->connection);
	int ret = take(pool, params, &slot);
	*out = ret == 0 ? make_buffer(slot) : NULL;
	connection_leave(pool->connection);
	if (ret < 0)
		return plain_instead(pool, ret, out, params);
	if (wait_fence(slot))
		return GST_FLOW_OK;
	gst_buffer_unref(*out);
	*out = NULL;
	return plain_instead(pool, -ETIME, out, params);
}

/* Memory goes back by itself, when nobody refers to it. */
static void handle_release(GstBufferPool *base, GstBuffer *buffer)
{
	WaybufPool *pool = (WaybufPool *)base;
	if (pool->set)
		gst_buffer_unref(buffer);
	else
		parent_class()->release_buffer(base, buffer);
}

/* ---- the type ------------------------------------------------------------------------------ */

static void handle_finalize(GObject *object)
{
	WaybufPool *pool = (WaybufPool *)object;
	g_free(pool->why);
	connection_unref(pool->connection);
	G_OBJECT_CLASS(waybuf_pool_parent_class)->finalize(object);
}

static void waybuf_pool_class_init(WaybufPoolClass *class)
{
	GstBufferPoolClass *pool = GST_BUFFER_POOL_CLASS(class);
	G_OBJECT_CLASS(class)->finalize = handle_finalize;
	pool->set_config = handle_set_config;
	pool->start = handle_start;
	pool->stop = handle_stop;
	pool->flush_start = handle_flush_start;
	pool->acquire_buffer = handle_acquire;
	pool->release_buffer = handle_release;
}

static void waybuf_pool_init(WaybufPool *pool) {}

GstBufferPool *waybuf_pool_new(struct connection *connection)
{
	WaybufPool *pool = g_object_new(waybuf_pool_get_type(), NULL);
	gst_object_ref_sink(pool);
	pool->connection = connection_ref(connection);
	return GST_BUFFER_POOL_CAST(pool);
}

char *waybuf_pool_why(GstBufferPool *base)
{
	return g_strdup(((WaybufPool *)base)->why);
}
