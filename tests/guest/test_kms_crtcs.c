/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms/probe.h"
#include "kms/restore.h"
#include "kms_fixture.h"

/* A second vkms device with two CRTCs, made through configfs, for what one CRTC cannot show. */

static const char root[] = "/sys/kernel/config/vkms/waybuf-test";

static void at(char path[256], const char *name)
{
	snprintf(path, 256, "%s/%s", root, name);
}

static void make(const char *name)
{
	char path[256];
	at(path, name);
	ck_assert_msg(mkdir(path, 0755) == 0, "mkdir %s: %s", path, strerror(errno));
}

static void join(const char *from, const char *to)
{
	char target[256], path[256];
	at(target, from);
	at(path, to);
	ck_assert_msg(symlink(target, path) == 0, "symlink %s: %s", path, strerror(errno));
}

static void set(const char *name, const char *value)
{
	char path[256];
	at(path, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "open %s: %s", path, strerror(errno));
	ssize_t n = write(fd, value, strlen(value));
	ck_assert_msg(n > 0, "write %s: %s", path, strerror(errno));
	close(fd);
}

static void make_pipe(int i)
{
	char a[128], b[160];
	const char *const kinds[] = {"planes/p", "crtcs/c", "encoders/e", "connectors/v"};
	for (int k = 0; k < 4; k++) {
		snprintf(a, sizeof(a), "%s%d", kinds[k], i);
		make(a);
	}
	snprintf(a, sizeof(a), "planes/p%d/type", i);
	set(a, "1");
	snprintf(a, sizeof(a), "crtcs/c%d", i);
	snprintf(b, sizeof(b), "planes/p%d/possible_crtcs/c", i);
	join(a, b);
	snprintf(b, sizeof(b), "encoders/e%d/possible_crtcs/c", i);
	join(a, b);
	snprintf(a, sizeof(a), "encoders/e%d", i);
	snprintf(b, sizeof(b), "connectors/v%d/possible_encoders/e", i);
	join(a, b);
}

/* Those that are left from a test that failed, too. */
static void remove_tree(void)
{
	static const char *const links[] = {"connectors/v%d/possible_encoders/e",
		"encoders/e%d/possible_crtcs/c", "planes/p%d/possible_crtcs/c"};
	static const char *const folders[] = {
		"connectors/v%d", "encoders/e%d", "planes/p%d", "crtcs/c%d"};
	char name[128], path[256];
	if (access(root, F_OK) < 0)
		return;
	set("enabled", "0");
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 3; k++) {
			snprintf(name, sizeof(name), links[k], i);
			at(path, name);
			unlink(path);
		}
		for (int k = 0; k < 4; k++) {
			snprintf(name, sizeof(name), folders[k], i);
			at(path, name);
			rmdir(path);
		}
	}
	rmdir(root);
}

static bool listed(char **nodes, const char *path)
{
	for (size_t i = 0; nodes[i]; i++) {
		if (strcmp(nodes[i], path) == 0)
			return true;
	}
	return false;
}

static void make_device(char path[64])
{
	if (access("/sys/kernel/config/vkms", W_OK) < 0)
		SKIP("vkms cannot be configured here (configfs)");
	remove_tree();
	char **before = waybuf_kms_list_nodes();
	ck_assert_int_eq(mkdir(root, 0755), 0);
	make_pipe(0);
	make_pipe(1);
	set("enabled", "1");
	char **after = waybuf_kms_list_nodes();
	path[0] = 0;
	for (size_t i = 0; after[i]; i++) {
		if (!listed(before, after[i]))
			snprintf(path, 64, "%s", after[i]);
	}
	free(before);
	free(after);
	ck_assert_msg(path[0], "no new device node");
}

struct both {
	struct waybuf_kms_device *device;
	struct waybuf_loop *loop;
	struct waybuf_kms_connector *connectors[2];
	struct waybuf_kms_dumb *dumbs[2];
	int flips[2];
};

static void on_flipped(void *data, const struct waybuf_kms_flip *flip)
{
	struct both *both = data;
	both->flips[flip->crtc->index]++;
}

static const struct waybuf_kms_listener both_listener = {.flipped = on_flipped};

static void both_open(struct both *both)
{
	char path[64];
	struct waybuf_kms_why why = {0};
	*both = (struct both){0};
	make_device(path);
	int error = waybuf_kms_device_open(path, WAYBUF_KMS_MASTER, &both->device, &why);
	ck_assert_msg(error == 0, "%s", why.text);
	ck_assert_int_eq(waybuf_loop_create_epoll(&both->loop), 0);
	ck_assert_int_eq(waybuf_kms_device_watch(both->device, both->loop), 0);
	ck_assert_uint_eq(both->device->res.n_crtcs, 2);
	for (uint32_t i = 0, n = 0; i < both->device->res.n_connectors && n < 2; i++) {
		if (!both->device->res.connectors[i]->writeback)
			both->connectors[n++] = both->device->res.connectors[i];
	}
	ck_assert_ptr_nonnull(both->connectors[1]);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(waybuf_kms_dumb_create(both->device, 800, 600, DRM_FORMAT_XRGB8888,
					 &both->dumbs[i], NULL),
			0);
}

static void both_close(struct both *both)
{
	for (int i = 0; i < 2; i++)
		waybuf_kms_dumb_destroy(both->dumbs[i]);
	waybuf_kms_device_destroy(both->device);
	waybuf_loop_destroy(both->loop);
	remove_tree();
}

static const struct _drmModeModeInfo *mode_of(struct waybuf_kms_connector *connector)
{
	for (uint32_t i = 0; i < connector->n_modes; i++) {
		if (connector->modes[i].hdisplay == 800 && connector->modes[i].vdisplay == 600)
			return &connector->modes[i];
	}
	ck_abort_msg("%s has no 800x600", connector->name);
	return NULL;
}

static void show(struct both *both, struct waybuf_kms_state *state, int i)
{
	struct waybuf_kms_why why = {0};
	struct waybuf_kms_layer layer;
	struct waybuf_kms_crtc *crtc = waybuf_kms_state_pick_crtc(state, both->connectors[i]);
	ck_assert_ptr_nonnull(crtc);
	int error = waybuf_kms_state_enable(
		state, both->connectors[i], crtc, mode_of(both->connectors[i]), &why);
	ck_assert_msg(error == 0, "%s", why.text);
	struct waybuf_kms_plane *plane =
		waybuf_kms_state_pick_plane(state, crtc, DRM_PLANE_TYPE_PRIMARY);
	ck_assert_ptr_nonnull(plane);
	waybuf_kms_layer_init(&layer, both->dumbs[i]->fb);
	error = waybuf_kms_state_set_plane(state, plane, crtc, &layer, &why);
	ck_assert_msg(error == 0, "%s", why.text);
}

static void wait_for(struct both *both, int a, int b)
{
	for (int i = 0; i < 200 && (both->flips[0] < a || both->flips[1] < b); i++)
		waybuf_loop_dispatch(both->loop, 10);
	ck_assert_int_eq(both->flips[0], a);
	ck_assert_int_eq(both->flips[1], b);
}

TEST(two_crtcs_flip_on_their_own)
{
	struct both both;
	struct waybuf_kms_state *state;
	struct waybuf_kms_commit_options options = {
		.listener = &both_listener, .data = &both, .out_fences = true};
	struct waybuf_kms_commit_result result;
	both_open(&both);
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	show(&both, state, 0);
	show(&both, state, 1);
	ck_assert_uint_eq(waybuf_kms_state_affected(state), 3);
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, &result, NULL), 0);
	ck_assert_int_ge(result.out_fences[0], 0);
	ck_assert_int_ge(result.out_fences[1], 0);
	waybuf_kms_commit_result_finish(&result);
	wait_for(&both, 1, 1);

	/* a commit on one does not make the other busy, and only it gets an event and a fence */
	struct waybuf_kms_crtc **crtcs = both.device->res.crtcs;
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	waybuf_kms_state_touch(state, crtcs[0]);
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, &result, NULL), 0);
	ck_assert_int_ge(result.out_fences[0], 0);
	ck_assert_int_eq(result.out_fences[1], -1);
	waybuf_kms_commit_result_finish(&result);
	ck_assert(waybuf_kms_crtc_busy(crtcs[0]) && !waybuf_kms_crtc_busy(crtcs[1]));
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	waybuf_kms_state_touch(state, crtcs[1]);
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, NULL, NULL), 0);
	wait_for(&both, 2, 2);

	/* one off: the other goes on */
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	waybuf_kms_state_disable(state, crtcs[0]);
	ck_assert_uint_eq(waybuf_kms_state_affected(state), 1);
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, NULL, NULL), 0);
	wait_for(&both, 3, 2);
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	waybuf_kms_state_touch(state, crtcs[1]);
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, NULL, NULL), 0);
	wait_for(&both, 3, 3);
	both_close(&both);
}

TEST(first_commit_turns_off_what_nobody_asked_for)
{
	struct both both;
	struct waybuf_kms_state *state;
	both_open(&both);
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	show(&both, state, 0);
	show(&both, state, 1);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
	/* as if another program had left it like that */
	waybuf_kms_device_invalidate(both.device);
	ck_assert_int_eq(waybuf_kms_state_create(both.device, &state), 0);
	show(&both, state, 1);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
	struct waybuf_kms_resources fresh;
	ck_assert_int_eq(waybuf_kms_resources_init(&fresh, both.device->fd, false), 0);
	uint32_t on = both.device->current->connectors[both.connectors[1]->index];
	ck_assert_uint_eq(fresh.crtcs[on]->props[WAYBUF_KMS_CRTC_ACTIVE].value, 1);
	ck_assert_uint_eq(fresh.crtcs[1 - on]->props[WAYBUF_KMS_CRTC_ACTIVE].value, 0);
	waybuf_kms_resources_finish(&fresh);
	both_close(&both);
}

TEST(unplugging_is_seen_by_a_refresh)
{
	struct both both;
	struct waybuf_kms_state *state;
	bool changed;
	both_open(&both);
	ck_assert(both.connectors[0]->connected && both.connectors[1]->connected);
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	set("connectors/v0/status", "2");
	ck_assert_int_eq(waybuf_kms_device_refresh(both.device, true, &changed), 0);
	ck_assert(changed);
	ck_assert_int_eq(both.connectors[0]->connected + both.connectors[1]->connected, 1);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), -ESTALE);
	waybuf_kms_state_destroy(state);
	ck_assert_int_eq(waybuf_kms_device_refresh(both.device, true, &changed), 0);
	ck_assert(!changed);
	set("connectors/v0/status", "1");
	ck_assert_int_eq(waybuf_kms_device_refresh(both.device, true, &changed), 0);
	ck_assert(changed && both.connectors[0]->connected && both.connectors[1]->connected);
	both_close(&both);
}

TEST(device_that_vanishes_only_fails)
{
	struct both both;
	struct waybuf_kms_state *state;
	struct waybuf_kms_why why = {0};
	both_open(&both);
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	show(&both, state, 0);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
	set("enabled", "0");
	ck_assert_int_eq(waybuf_kms_state_duplicate(both.device, &state), 0);
	waybuf_kms_state_touch(state, both.device->res.crtcs[0]);
	/* ENODEV where the driver unplugs itself, EINVAL where it only switches everything off */
	ck_assert_int_lt(waybuf_kms_state_commit(state, NULL, NULL, &why), 0);
	ck_assert(why.text[0] != 0);
	waybuf_kms_state_destroy(state);
	for (int i = 0; i < 5; i++)
		waybuf_loop_dispatch(both.loop, 1);
	both_close(&both);
}

TEST_TIMEOUT(60)
TEST_MAIN("kms-crtcs")
