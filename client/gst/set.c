/* SPDX-License-Identifier: MIT */
#include "set.h"

#include <errno.h>

#include <gst/allocators/gstdmabuf.h>

#include "connection.h"

static GQuark slot_quark(void)
{
	return g_quark_from_static_string("waybuf-slot");
}

/* Of a view of ours (below): the slot's memory, which it refers to. */
static GQuark whole_quark(void)
{
	return g_quark_from_static_string("waybuf-whole");
}

/* The slot's memory that @memory is all or a part of. */
static GstMemory *whole_of(GstMemory *memory)
{
	GstMemory *own = memory->parent ? memory->parent : memory;
	GstMemory *whole = gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(own), whole_quark());
	return whole ? whole : own;
}

static struct slot *slot_of_memory(GstMemory *memory)
{
	return gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(whole_of(memory)), slot_quark());
}

/* ---- CPU access, from any thread ----------------------------------------------------------- */

/* GstAllocator's own way. */
static GstMemoryCopyFunction copy_bytes;

static int open_slot(struct slot *slot)
{
	struct waybuf_client_image image;
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(slot->buffer);
	enum waybuf_direction direction = slot->shared ? WAYBUF_READ : WAYBUF_READ_WRITE;
	int ret = waybuf_client_buffer_begin_cpu(slot->buffer, direction, &image);
	if (ret < 0)
		return ret;
	for (uint32_t p = 0; p < image.n_planes; p++)
		slot->addresses[layout->planes[p].slot] =
			(char *)image.planes[p].data - layout->planes[p].offset;
	slot->open = true;
	return 0;
}

static void *map(struct slot *slot, const GstMemory *whole, GstMapFlags flags)
{
	/* The display reads it: who writes now has kept it for too long. */
	if (slot->shared && flags & GST_MAP_WRITE)
		return NULL;
	if (!slot->open && open_slot(slot) < 0)
		return NULL;
	for (uint32_t i = 0; i < slot->n_memories; i++)
		if (slot->memories[i] == whole)
			return slot->addresses[i];
	return NULL;
}

/* The scope stays open until the buffer is given back: there may be many maps, and they overlap. */
static gpointer handle_map(GstMemory *memory, GstMapInfo *info, gsize maxsize)
{
	struct slot *slot = slot_of_memory(memory);
	struct connection *connection = slot->set->connection;
	connection_enter(connection);
	void *address = map(slot, whole_of(memory), info->flags);
	connection_leave(connection);
	if (address && info->flags & GST_MAP_WRITE)
		g_atomic_int_inc(&slot->writers);
	return address;
}

static void handle_unmap(GstMemory *memory, GstMapInfo *info)
{
	if (info->flags & GST_MAP_WRITE)
		g_atomic_int_add(&slot_of_memory(memory)->writers, -1);
}

static void unref_whole(gpointer memory)
{
	gst_memory_unref(memory);
}

/*
 * Read-only. Not gst_memory_share(): that locks its parent, which fails while somebody has it mapped for
 * writing, and unlocks it in the end all the same, with a critical warning.
 */
static GstMemory *make_view(GstMemory *whole)
{
	GstMemory *view = gst_fd_allocator_alloc(whole->allocator, gst_fd_memory_get_fd(whole),
		whole->maxsize, GST_FD_MEMORY_FLAG_DONT_CLOSE);
	if (!view)
		return NULL;
	gst_memory_resize(view, (gssize)whole->offset, whole->size);
	GST_MINI_OBJECT_FLAG_SET(view, GST_MEMORY_FLAG_READONLY);
	gst_mini_object_set_qdata(
		GST_MINI_OBJECT_CAST(view), whole_quark(), gst_memory_ref(whole), unref_whole);
	return view;
}

/*
 * A decoder of libav keeps its frames mapped for writing as long as it refers to them, and pushes them
 * all the same. GStreamer lets only one buffer have memory that is mapped like that, so it would copy
 * each frame on its way out. What is pushed is written; so the copy is a view of the memory that is
 * read-only, and whoever wants to write into that gets another copy, which is one.
 */
static GstMemory *handle_copy(GstMemory *memory, gssize offset, gssize size)
{
	bool all = offset == 0 && (size == -1 || (gsize)size == memory->size);
	struct slot *slot = slot_of_memory(memory);
	if (all && whole_of(memory) == memory && g_atomic_int_get(&slot->writers) > 0)
		return make_view(memory);
	return copy_bytes(memory, offset, size);
}

/* ---- allocators ---------------------------------------------------------------------------- */

/*
 * The types are those of libgstallocators, so that hardware elements find an fd where they look for
 * one. Only the mapping is ours, as it is the library that brackets access and waits for fences.
 */
typedef GstDmaBufAllocator WaybufDmabufAllocator;
typedef GstDmaBufAllocatorClass WaybufDmabufAllocatorClass;
typedef GstFdAllocator WaybufFdAllocator;
typedef GstFdAllocatorClass WaybufFdAllocatorClass;

static GType waybuf_dmabuf_allocator_get_type(void);
static GType waybuf_fd_allocator_get_type(void);

G_DEFINE_TYPE(WaybufDmabufAllocator, waybuf_dmabuf_allocator, GST_TYPE_DMABUF_ALLOCATOR)
G_DEFINE_TYPE(WaybufFdAllocator, waybuf_fd_allocator, GST_TYPE_FD_ALLOCATOR)

static void init(GstAllocator *allocator)
{
	copy_bytes = allocator->mem_copy;
	allocator->mem_map_full = handle_map;
	allocator->mem_unmap_full = handle_unmap;
	allocator->mem_copy = handle_copy;
}

static void waybuf_dmabuf_allocator_class_init(WaybufDmabufAllocatorClass *class) {}

static void waybuf_dmabuf_allocator_init(WaybufDmabufAllocator *allocator)
{
	init(GST_ALLOCATOR_CAST(allocator));
}

static void waybuf_fd_allocator_class_init(WaybufFdAllocatorClass *class) {}

static void waybuf_fd_allocator_init(WaybufFdAllocator *allocator)
{
	init(GST_ALLOCATOR_CAST(allocator));
}

/* ---- memories ------------------------------------------------------------------------------ */

/* The last reference has gone, and is taken back: the memory stays with its slot. */
static gboolean handle_dispose(GstMiniObject *object)
{
	GstMemory *memory = (GstMemory *)object;
	struct slot *slot = slot_of_memory(memory);
	struct set *set = slot->set;
	struct connection *connection = connection_ref(set->connection);
	gst_memory_ref(memory);
	g_mutex_lock(&set->lock);
	bool home = --slot->n_out == 0;
	if (home)
		slot->state = SLOT_LOOSE;
	/* From here on the set may go. */
	g_mutex_unlock(&set->lock);
	if (home)
		connection_wake(connection);
	connection_unref(connection);
	return FALSE;
}

static void drop_memories(struct slot *slot)
{
	for (uint32_t i = 0; i < slot->n_memories; i++) {
		GST_MINI_OBJECT_CAST(slot->memories[i])->dispose = NULL;
		gst_memory_unref(slot->memories[i]);
	}
	slot->n_memories = 0;
}

static GstMemory *wrap(struct slot *slot, const struct waybuf_memory *memory)
{
	GType type = memory->kind == WAYBUF_MEMORY_DMABUF ? waybuf_dmabuf_allocator_get_type()
							  : waybuf_fd_allocator_get_type();
	GstAllocator *allocator = g_object_new(type, NULL);
	gst_object_ref_sink(allocator);
	/* The fd is the library's, and as old as the generation. */
	GstMemory *made = gst_fd_allocator_alloc(
		allocator, memory->fd, (gsize)memory->size, GST_FD_MEMORY_FLAG_DONT_CLOSE);
	gst_object_unref(allocator);
	if (!made)
		return NULL;
	gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(made), slot_quark(), slot, NULL);
	GST_MINI_OBJECT_CAST(made)->dispose = handle_dispose;
	return made;
}

/* Elements make a buffer smaller by making its memory smaller. */
static void make_whole(struct slot *slot)
{
	for (uint32_t i = 0; i < slot->n_memories; i++) {
		GstMemory *memory = slot->memories[i];
		gst_memory_resize(memory, -(gssize)memory->offset, memory->maxsize);
	}
}

static int wrap_all(struct slot *slot, const struct waybuf_layout *layout)
{
	if (slot->n_memories && slot->generation == layout->generation) {
		make_whole(slot);
		return 0;
	}
	drop_memories(slot);
	slot->generation = layout->generation;
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		slot->memories[i] = wrap(slot, &layout->memory[i]);
		if (!slot->memories[i]) {
			drop_memories(slot);
			return -ENOMEM;
		}
		slot->n_memories++;
	}
	return 0;
}

gsize set_plane_offset(const struct waybuf_layout *layout, uint32_t p)
{
	gsize offset = layout->planes[p].offset;
	for (uint32_t m = 0; m < layout->planes[p].slot; m++)
		offset += (gsize)layout->memory[m].size;
	return offset;
}

struct slot *slot_of(GstBuffer *buffer)
{
	guint n = gst_buffer_n_memory(buffer);
	GstMemory *first = n > 0 ? gst_buffer_peek_memory(buffer, 0) : NULL;
	if (!first || first->allocator->mem_map_full != handle_map)
		return NULL;
	struct slot *slot = slot_of_memory(first);
	if (n != slot->n_memories)
		return NULL;
	for (guint i = 0; i < n; i++) {
		GstMemory *memory = gst_buffer_peek_memory(buffer, i);
		GstMemory *whole = whole_of(memory);
		/* Planes are where the meta says, and that counts from the first byte. */
		if (whole != slot->memories[i] || memory->offset != 0 ||
			memory->size != whole->size)
			return NULL;
	}
	return slot;
}

/* ---- to and fro ---------------------------------------------------------------------------- */

/* Buffers with other strides than the pool's config says are not what was asked for. */
int set_take(struct set *set, struct slot **out)
{
	struct waybuf_client_buffer *buffer;
	int ret = waybuf_client_pool_acquire(set->pool, 0, &buffer);
	if (ret < 0)
		return ret;
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	struct slot *slot = &set->slots[waybuf_client_buffer_get_index(buffer)];
	ret = needs_met(&set->needs, layout) ? wrap_all(slot, layout) : -EBADMSG;
	if (ret < 0) {
		waybuf_client_buffer_release(buffer);
		return ret;
	}
	slot->buffer = buffer;
	slot->shared = slot->open = false;
	g_atomic_int_set(&slot->writers, 0);
	slot->n_out = slot->n_memories;
	slot->state = SLOT_OUT;
	*out = slot;
	return 0;
}

static void give_back(struct slot *slot)
{
	/* On a connection that broke both fail, and the pool's end closes what is open. */
	if (slot->open)
		waybuf_client_buffer_end_cpu(slot->buffer);
	waybuf_client_buffer_release(slot->buffer);
	slot->open = false;
	slot->state = SLOT_AWAY;
}

/* Whether some memory is out; *changed if one came back. */
static bool collect(struct set *set, bool *changed)
{
	bool out = false;
	g_mutex_lock(&set->lock);
	for (uint32_t i = 0; i < MOST_BUFFERS; i++) {
		struct slot *slot = &set->slots[i];
		out |= slot->state == SLOT_OUT;
		if (slot->state != SLOT_LOOSE)
			continue;
		give_back(slot);
		*changed = true;
	}
	g_mutex_unlock(&set->lock);
	return out;
}

static void destroy(struct set *set)
{
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		drop_memories(&set->slots[i]);
	waybuf_client_pool_destroy(set->pool);
	g_mutex_clear(&set->lock);
	connection_unref(set->connection);
	g_free(set);
}

bool sets_tidy(struct connection *connection)
{
	bool changed = false;
	for (struct set **at = &connection->sets; *at;) {
		struct set *set = *at;
		if (collect(set, &changed) || !set->over || set == connection->shown) {
			at = &set->next;
			continue;
		}
		*at = set->next;
		destroy(set);
		changed = true;
	}
	return changed;
}

/* ---- create -------------------------------------------------------------------------------- */

static int make_pool(struct set *set, uint32_t count)
{
	struct waybuf_constraints *constraints = NULL;
	int ret = needs_constraints(&set->needs, &constraints);
	if (ret < 0)
		return ret;
	const struct waybuf_client_pool_options options = {
		.width = (uint32_t)set->needs.info.width,
		.height = (uint32_t)set->needs.info.height,
		.count = count,
		.name = "GStreamer",
		.constraints = constraints,
		.display = true,
	};
	ret = waybuf_client_pool_create(set->connection->client, &options, &set->pool);
	waybuf_constraints_unref(constraints);
	return ret;
}

/* Takes the first buffer, and gives it back: memory and layout stay. */
static int probe(struct set *set)
{
	struct waybuf_client_buffer *buffer;
	int ret = waybuf_client_pool_acquire(set->pool, 5000, &buffer);
	if (ret < 0)
		return ret;
	if (!needs_met(&set->needs, waybuf_client_buffer_get_layout(buffer)))
		ret = -EBADMSG;
	waybuf_client_buffer_release(buffer);
	return ret;
}

int set_create(
	struct connection *connection, const struct needs *needs, uint32_t count, struct set **out)
{
	if (connection->broken || !connection->client || connection->closing)
		return -EPIPE;
	struct set *set = g_new0(struct set, 1);
	set->connection = connection_ref(connection);
	set->needs = *needs;
	g_mutex_init(&set->lock);
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		set->slots[i].set = set;
	int ret = make_pool(set, count < MOST_BUFFERS ? count : MOST_BUFFERS);
	if (ret == 0)
		ret = probe(set);
	if (ret < 0) {
		destroy(set);
		return ret;
	}
	set->next = connection->sets;
	connection->sets = set;
	*out = set;
	return 0;
}
