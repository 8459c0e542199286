/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <png.h>

#include "harness.h"
#include "kms/device.h"

static char folder[64];

static void sleep_ms(int ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	nanosleep(&time, NULL);
}

struct program program_start(const char *const *arguments)
{
	struct program program = {.fd = memfd_create("output", MFD_CLOEXEC)};
	ck_assert_int_ge(program.fd, 0);
	program.pid = fork();
	ck_assert_int_ge(program.pid, 0);
	if (program.pid == 0) {
		/* Appends, because stdout and stderr share the file. */
		fcntl(program.fd, F_SETFL, O_APPEND);
		dup2(program.fd, STDOUT_FILENO);
		dup2(program.fd, STDERR_FILENO);
		execv(arguments[0], (char *const *)arguments);
		_exit(127);
	}
	return program;
}

void program_signal(const struct program *program, int number)
{
	ck_assert_int_eq(kill(program->pid, number), 0);
}

void program_peek(const struct program *program, struct result *result)
{
	ssize_t size = pread(program->fd, result->out, sizeof(result->out) - 1, 0);
	ck_assert_int_ge(size, 0);
	result->out[size] = '\0';
}

/* Whether it ended within @seconds. */
static bool reap(struct program *program, int seconds, int *status)
{
	for (int i = 0; i < seconds * 50; i++) {
		if (waitpid(program->pid, status, WNOHANG) == program->pid)
			return true;
		sleep_ms(20);
	}
	kill(program->pid, SIGKILL);
	waitpid(program->pid, status, 0);
	return false;
}

void program_wait(struct program *program, int seconds, struct result *result)
{
	int status = 0;
	bool ended = reap(program, seconds, &status);
	program_peek(program, result);
	close(program->fd);
	ck_assert_msg(ended, "not over after %d s: %s", seconds, result->out);
	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void program_run(const char *const *arguments, int seconds, struct result *result)
{
	struct program program = program_start(arguments);
	program_wait(&program, seconds, result);
}

void program_expect(const struct program *program, const char *pattern, int seconds)
{
	static struct result result;
	bool found = false;
	regex_t regex;
	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	for (int i = 0; i < seconds * 50 && !found; i++) {
		program_peek(program, &result);
		found = regexec(&regex, result.out, 0, NULL, 0) == 0;
		if (!found)
			sleep_ms(20);
	}
	regfree(&regex);
	ck_assert_msg(found, "no \"%s\" within %d s: %s", pattern, seconds, result.out);
}

/* ---- waybufd ------------------------------------------------------------------------------- */

static bool is_vkms(const char *node)
{
	struct waybuf_kms_device *device;
	if (waybuf_kms_device_open(node, WAYBUF_KMS_INSPECT, &device, NULL) < 0)
		return false;
	bool vkms = strcmp(device->driver, "vkms") == 0;
	waybuf_kms_device_destroy(device);
	return vkms;
}

static void find_display(char *path, size_t size)
{
	char **nodes = waybuf_kms_list_nodes();
	path[0] = '\0';
	for (char **node = nodes; node && *node && !path[0]; node++) {
		if (is_vkms(*node))
			snprintf(path, size, "%s", *node);
	}
	free(nodes);
	if (!path[0])
		SKIP("no vkms device");
}

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/waybuf-programs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	setenv("XDG_RUNTIME_DIR", folder, 1);
	setenv("WAYLAND_DISPLAY", "test", 1);
}

static void wait_socket(const struct program *daemon)
{
	program_expect(daemon, "\n", 20);
	char socket[96];
	snprintf(socket, sizeof(socket), "%s/test", folder);
	for (int i = 0; i < 500 && access(socket, F_OK) < 0; i++)
		sleep_ms(20);
	ck_assert_int_eq(access(socket, F_OK), 0);
}

static char device[64];
/* NULL: the display's own */
static const char *mode;

static void start_daemon(struct program *daemon)
{
	const char *const arguments[] = {WAYBUFD, "--socket", "test", "--device", device,
		"--ready-fd", "1", "--log", "info", mode ? "--mode" : NULL, mode, NULL};
	*daemon = program_start(arguments);
	wait_socket(daemon);
}

static void start_service(struct program *daemon)
{
	const char *const arguments[] = {
		WAYBUFD, "--socket", "test", "--no-display", "--ready-fd", "1", NULL};
	*daemon = program_start(arguments);
	wait_socket(daemon);
}

void daemon_start(struct program *daemon)
{
	find_display(device, sizeof(device));
	make_folder();
	start_daemon(daemon);
}

void daemon_start_mode(struct program *daemon, const char *in_mode)
{
	mode = in_mode;
	daemon_start(daemon);
}

void service_start(struct program *daemon)
{
	make_folder();
	start_service(daemon);
}

static void kill_daemon(struct program *daemon)
{
	static struct result result;
	program_signal(daemon, SIGKILL);
	program_wait(daemon, 10, &result);
	ck_assert_int_eq(result.status, 128 + SIGKILL);
	/* so that its successor's can be waited for */
	unlink(folder_path("test"));
}

void daemon_restart(struct program *daemon)
{
	kill_daemon(daemon);
	start_daemon(daemon);
}

void service_restart(struct program *daemon)
{
	kill_daemon(daemon);
	start_service(daemon);
}

void service_continue(struct program *daemon)
{
	start_service(daemon);
}

/* Whatever the programs left there. */
static void remove_folder(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	ck_assert_int_eq(rmdir(folder), 0);
}

void daemon_stop(struct program *daemon)
{
	static struct result result;
	program_signal(daemon, SIGTERM);
	program_wait(daemon, 20, &result);
	remove_folder();
	ck_assert_msg(result.status == 0, "waybufd: %d: %s", result.status, result.out);
}

const char *folder_path(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

uint8_t *read_png(const char *path, uint32_t *width, uint32_t *height)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	ck_assert_msg(png_image_begin_read_from_file(&image, path), "%s: %s", path, image.message);
	image.format = PNG_FORMAT_RGB;
	uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
	ck_assert_ptr_nonnull(pixels);
	ck_assert(png_image_finish_read(&image, NULL, pixels, 0, NULL));
	*width = image.width;
	*height = image.height;
	return pixels;
}
