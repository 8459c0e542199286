/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "access.h"
#include "core/cpu_access.h"
#include "render.h"

void access_guard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	if (shm && !shm_buffer_is_pixel(shm))
		sigbus_guard_begin(guard, shm->mapping->data, shm->mapping->size);
}

bool access_unguard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	return shm && !shm_buffer_is_pixel(shm) && sigbus_guard_end(guard);
}

/* ---- frames -------------------------------------------------------------------------------- */

bool frame_access_end(struct frame_access *access)
{
	bool whole = true;
	for (uint32_t i = access->n_mapped; i-- > 0;) {
		bool cut = sigbus_guard_end(&access->guards[i]);
		waybuf_cpu_vunmap(access->backing->cpu[i]);
		whole &= !cut;
	}
	for (uint32_t i = 0; i < access->n_begun; i++)
		waybuf_cpu_end_bounded(access->backing->cpu[i], WAYBUF_READ);
	/* the next one maps it anew */
	for (uint32_t i = 0; i < access->n_mapped && !whole; i++)
		waybuf_cpu_trim(access->backing->cpu[i]);
	return whole;
}

bool frame_access_begin(struct frame_access *access, const struct frame *frame)
{
	*access = (struct frame_access){.layout = frame->grant.layout, .backing = frame->backing};
	for (uint32_t i = 0; i < access->layout->n_memory; i++) {
		struct waybuf_cpu *cpu = access->backing->cpu[i];
		void *address;
		/*
		 * The frame's fence has signalled before the latch. What a client adds later is its
		 * own loss: to wait for that would cost the others their flip.
		 */
		if (waybuf_cpu_begin_bounded(cpu, WAYBUF_READ) < 0)
			return false;
		access->n_begun++;
		if (waybuf_cpu_vmap(cpu, &address) < 0)
			return false;
		sigbus_guard_begin(&access->guards[access->n_mapped], address,
			(size_t)access->layout->memory[i].size);
		access->address[access->n_mapped++] = address;
	}
	return true;
}

char *frame_access_plane(const struct frame_access *access, uint32_t plane)
{
	const struct waybuf_plane *place = &access->layout->planes[plane];
	return access->address[place->slot] + place->offset;
}

/* ---- images -------------------------------------------------------------------------------- */

/* Its fences have signalled before; what its client adds later is the client's own loss. */
static int begin_dmabuf(struct image_access *access)
{
	struct waybuf_cpu *cpu = access->image->cpu;
	void *address;
	/* to blend is to read */
	int ret = waybuf_cpu_begin_bounded(cpu, WAYBUF_READ_WRITE);
	if (ret < 0)
		return ret;
	ret = waybuf_cpu_vmap(cpu, &address);
	if (ret < 0) {
		waybuf_cpu_end_bounded(cpu, WAYBUF_READ_WRITE);
		return ret;
	}
	sigbus_guard_begin(&access->guard, address, (size_t)cpu->memory.size);
	access->pixels = (char *)address + access->image->offset;
	return 0;
}

int image_access_begin(struct image_access *access, struct render_image *image)
{
	*access = (struct image_access){.image = image, .pixels = image->pixels};
	if (image->cpu)
		return begin_dmabuf(access);
	access_guard(&access->guard, image->shm);
	return 0;
}

int image_access_end(struct image_access *access)
{
	struct waybuf_cpu *cpu = access->image->cpu;
	bool cut;
	if (!cpu)
		return access_unguard(&access->guard, access->image->shm) ? -EIO : 0;
	cut = sigbus_guard_end(&access->guard);
	waybuf_cpu_vunmap(cpu);
	waybuf_cpu_end_bounded(cpu, WAYBUF_READ_WRITE);
	return cut ? -EIO : 0;
}
