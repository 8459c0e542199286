/* SPDX-License-Identifier: MIT */
#include "egl_world.h"

struct waybuf_egl *egl;

void egl_start(void)
{
	ck_assert_int_eq(waybuf_egl_create(FAKE_DISPLAY, &egl), 0);
}

void egl_finish(void)
{
	waybuf_egl_destroy(egl);
	fake_egl_finish();
}

void egl_check_error(const char *text)
{
	ck_assert_msg(
		strstr(waybuf_egl_error(egl), text), "no \"%s\": %s", text, waybuf_egl_error(egl));
}

struct waybuf_layout egl_layout(uint32_t format)
{
	struct waybuf_layout layout = {
		.generation = 7,
		.width = 64,
		.height = 32,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = format == DRM_FORMAT_NV12 ? 2 : 1,
		.n_memory = 1,
		.planes = {{0, 0, 256, 32}, {0, 8192, 256, 16}},
		.memory = {{.fd = 5, .kind = WAYBUF_MEMORY_DMABUF, .size = 16384}},
	};
	return layout;
}

static char *text_of(struct waybuf_constraints *set)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	waybuf_constraints_print(set, out);
	fclose(out);
	waybuf_constraints_unref(set);
	return text;
}

char *egl_constraints(uint64_t access, const uint32_t *formats, size_t n)
{
	struct waybuf_constraints *set = NULL;
	int ret = waybuf_egl_constraints(egl, access, formats, n, &set);
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_egl_error(egl));
	return text_of(set);
}
