/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "dmabuf_exporters.h"

/* dma-bufs are numbered one by one, so those that are in use together have each its own place. */
static size_t place(const struct fd_id *id)
{
	return id->ino & (DMABUF_MAX_EXPORTERS - 1);
}

const struct dmabuf_exporter *dmabuf_exporters_find(
	const struct dmabuf_exporters *exporters, const struct fd_id *id)
{
	const struct dmabuf_exporter *entry = &exporters->entries[place(id)];
	return entry->size > 0 && fd_id_equal(&entry->id, id) ? entry : NULL;
}

void dmabuf_exporters_add(struct dmabuf_exporters *exporters, const struct fd_id *id, uint64_t size,
	const char name[FD_EXPORTER_LEN])
{
	struct dmabuf_exporter *entry = &exporters->entries[place(id)];
	*entry = (struct dmabuf_exporter){.id = *id, .size = size};
	memcpy(entry->name, name, FD_EXPORTER_LEN);
}
