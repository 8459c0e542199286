/* SPDX-License-Identifier: MIT */
#include "core/pool.h"

/*
 * A wl_buffer made by way of linux-dmabuf is the memory whose fds it was made from, and stays that
 * when the buffer's memory is moved; one made by the allocator is the buffer, wherever it is, until
 * that has another size or format.
 */

void waybuf_binding_init(struct waybuf_binding *binding, struct waybuf_buffer *buffer, bool follows)
{
	binding->buffer = buffer;
	binding->storage = follows ? NULL : waybuf_storage_ref(buffer->storage);
	waybuf_list_insert(&buffer->bindings, &binding->link);
}

void waybuf_buffer_freeze_bindings(struct waybuf_buffer *buffer)
{
	struct waybuf_binding *binding;
	waybuf_list_for_each(binding, &buffer->bindings, link) {
		if (!binding->storage)
			binding->storage = waybuf_storage_ref(buffer->storage);
	}
}

void waybuf_binding_finish(struct waybuf_binding *binding)
{
	if (!binding->buffer)
		return;
	waybuf_list_remove(&binding->link);
	waybuf_storage_unref(binding->storage);
	binding->storage = NULL;
	binding->buffer = NULL;
}

const struct waybuf_layout *waybuf_binding_layout(const struct waybuf_binding *binding)
{
	if (binding->storage)
		return &binding->storage->layout;
	return binding->buffer ? waybuf_buffer_layout(binding->buffer) : NULL;
}
