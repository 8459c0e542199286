/* SPDX-License-Identifier: MIT */
#include "shm_stage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake/libdrm.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "shm_wrap.h"
#include "util/fd.h"

bool stage_incoherent;

bool __wrap_shm_wrap_is_incoherent(void);

bool __wrap_shm_wrap_is_incoherent(void)
{
	return stage_incoherent;
}

static void handle_release(void *data, struct wl_buffer *proxy)
{
	struct stage_buffer *buffer = data;
	ck_assert(buffer->busy);
	buffer->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

void stage_add_buffer(struct stage *stage, int i, int32_t offset, uint32_t format)
{
	struct stage_buffer *buffer = &stage->buffers[i];
	buffer->proxy = wl_shm_pool_create_buffer(
		stage->pool, offset, STAGE_WIDTH, STAGE_HEIGHT, STAGE_STRIDE, format);
	wl_buffer_add_listener(buffer->proxy, &buffer_listener, buffer);
	buffer->busy = false;
}

int stage_make_file(off_t size, int add)
{
	int fd = memfd_create("pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, add), 0);
	return fd;
}

void stage_open_pool(struct stage *stage, int fd, int32_t size)
{
	struct stat st;
	stage->fd = fd;
	ck_assert_int_eq(fstat(fd, &st), 0);
	stage->memory = st.st_ino;
	stage->pool = wl_shm_create_pool(stage->world.shm, fd, size);
	for (int i = 0; i < STAGE_BUFFERS; i++)
		stage_add_buffer(stage, i, i * STAGE_IMAGE, WL_SHM_FORMAT_XRGB8888);
	world_settle(&stage->world);
}

void stage_close_pool(struct stage *stage)
{
	for (int i = 0; i < STAGE_BUFFERS; i++) {
		if (stage->buffers[i].proxy)
			wl_buffer_destroy(stage->buffers[i].proxy);
		stage->buffers[i].proxy = NULL;
	}
	if (stage->pool)
		wl_shm_pool_destroy(stage->pool);
	stage->pool = NULL;
	fd_close(&stage->fd);
}

void stage_begin_with(struct stage *stage, int fd)
{
	memset(stage, 0, sizeof(*stage));
	world_init(&stage->world);
	stage_open_pool(stage, fd, STAGE_POOL);
}

void stage_begin(struct stage *stage)
{
	stage_begin_with(stage, stage_make_file(STAGE_POOL, STAGE_SEALS));
}

void stage_flip(struct stage *stage)
{
	world_settle(&stage->world);
	if (fake_screen_flipping())
		fake_screen_flip(0, true);
	world_settle(&stage->world);
}

void stage_commit(struct stage *stage, int i)
{
	struct wl_surface *surface = stage->world.windows[WORLD_IMPLICIT].surface;
	wl_surface_attach(surface, stage->buffers[i].proxy, 0, 0);
	wl_surface_damage(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
	stage->buffers[i].busy = true;
	world_settle(&stage->world);
}

void stage_show(struct stage *stage, const char *order)
{
	for (; *order; order++) {
		stage_commit(stage, *order - '0');
		stage_flip(stage);
	}
}

/* The surfaces are few, and one has content. */
struct surface *stage_find_surface(struct stage *stage)
{
	struct surface *surface;
	wl_list_for_each(surface, &stage->world.daemon.surfaces, link)
		if (surface->current.frame)
			return surface;
	ck_abort_msg("nothing is shown");
	return NULL;
}

void stage_check_direct(struct stage *stage)
{
	ck_assert(fake_screen_shows(stage->memory));
	ck_assert_uint_ne(stage_find_surface(stage)->plane_id, 0);
}

void stage_check_composed(struct stage *stage, const char *why)
{
	const struct surface *surface = stage_find_surface(stage);
	ck_assert(!fake_screen_shows(stage->memory));
	ck_assert_uint_eq(surface->plane_id, 0);
	ck_assert_ptr_nonnull(surface->copied_because);
	ck_assert_str_eq(surface->copied_because, why);
}

struct waybuf_account *stage_account(struct stage *stage)
{
	return stage_find_surface(stage)->current.frame->shm->mapping->account;
}

static void check_gone(void)
{
	ck_assert_int_eq(fake_count_sync_files(), 0);
	ck_assert_int_eq(fake_count_handles(), 0);
	fake_sync_finish();
}

void stage_end(struct stage *stage)
{
	stage_close_pool(stage);
	stage_flip(stage);
	world_finish(&stage->world);
	check_gone();
}
