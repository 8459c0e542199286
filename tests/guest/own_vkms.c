/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "own_vkms.h"

#define CONFIG "/sys/kernel/config/vkms/waybuf"

static bool put(const char *file, const char *value)
{
	char path[128];
	snprintf(path, sizeof(path), CONFIG "/%s", file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	if (fd >= 0)
		close(fd);
	return done;
}

static const char *const parts[] = {"planes/p", "planes/q", "planes/o", "crtcs/c", "crtcs/d",
	"encoders/e", "encoders/f", "encoders/g", "connectors/k", "connectors/l", "connectors/m"};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* The path of a link, and what it is to. */
static const char *const links[][2] = {
	{"planes/p/possible_crtcs/c", "crtcs/c"},
	{"planes/q/possible_crtcs/d", "crtcs/d"},
	{"planes/o/possible_crtcs/c", "crtcs/c"},
	{"planes/o/possible_crtcs/d", "crtcs/d"},
	{"encoders/e/possible_crtcs/c", "crtcs/c"},
	{"encoders/f/possible_crtcs/d", "crtcs/d"},
	{"encoders/g/possible_crtcs/c", "crtcs/c"},
	{"encoders/g/possible_crtcs/d", "crtcs/d"},
	{"connectors/k/possible_encoders/e", "encoders/e"},
	{"connectors/l/possible_encoders/f", "encoders/f"},
	{"connectors/m/possible_encoders/g", "encoders/g"},
};
#define LINKS (sizeof(links) / sizeof(links[0]))

static uint64_t list_cards(void)
{
	uint64_t cards = 0;
	for (int i = 0; i < 64; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		cards |= (uint64_t)(access(path, F_OK) == 0) << i;
	}
	return cards;
}

void own_vkms_unmake(void)
{
	char path[128];
	put("enabled", "0");
	for (size_t i = 0; i < LINKS; i++) {
		snprintf(path, sizeof(path), CONFIG "/%s", links[i][0]);
		unlink(path);
	}
	for (size_t i = 0; i < PARTS; i++) {
		snprintf(path, sizeof(path), CONFIG "/%s", parts[i]);
		rmdir(path);
	}
	rmdir(CONFIG);
}

static void make_parts(void)
{
	char path[128], target[128];
	for (size_t i = 0; i < PARTS; i++) {
		snprintf(path, sizeof(path), CONFIG "/%s", parts[i]);
		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	for (size_t i = 0; i < LINKS; i++) {
		snprintf(path, sizeof(path), CONFIG "/%s", links[i][0]);
		snprintf(target, sizeof(target), CONFIG "/%s", links[i][1]);
		ck_assert_int_eq(symlink(target, path), 0);
	}
	/* primary ones, and an overlay */
	ck_assert(put("planes/p/type", "1") && put("planes/q/type", "1"));
	ck_assert(put("planes/o/type", "0"));
	put("crtcs/c/writeback", "1");
}

const char *own_vkms_make(void)
{
	static char node[32];
	own_vkms_unmake();
	uint64_t before = list_cards();
	if (mkdir(CONFIG, 0755) < 0)
		SKIP("vkms cannot be configured: %s", strerror(errno));
	make_parts();
	own_vkms_plug("l", false);
	own_vkms_plug("m", false);
	ck_assert(put("enabled", "1"));
	uint64_t added = list_cards() & ~before;
	ck_assert_uint_ne(added, 0);
	snprintf(node, sizeof(node), "/dev/dri/card%d", __builtin_ctzll(added));
	return node;
}

void own_vkms_plug(const char *connector, bool plugged)
{
	char path[64];
	snprintf(path, sizeof(path), "connectors/%s/status", connector);
	ck_assert(put(path, plugged ? "1" : "2"));
}

void own_vkms_remove(void)
{
	ck_assert(put("enabled", "0"));
}
