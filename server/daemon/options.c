/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geometry.h"
#include "options.h"

static const char help[] =
	"usage: waybufd [OPTION...] [-- COMMAND [ARGUMENT...]]\n"
	"\n"
	"Buffer manager and kiosk compositor. With COMMAND: runs it as its client, and\n"
	"ends with it.\n"
	"\n"
	"  -s, --socket NAME    name of the Wayland socket (default: the next free\n"
	"                       wayland-N, printed as WAYLAND_DISPLAY=NAME)\n"
	"  -d, --device PATH    display controller (default: the first with an output)\n"
	"  -o, --output NAME[:MODE][:HOW][:scale=NUMBER][:off]\n"
	"                       a display, as Virtual-1, with a mode, a transform and a scale\n"
	"                       of its own; may come several times, from left to right\n"
	"                       (default: all that are connected; all others where these\n"
	"                       are off)\n"
	"  -n, --no-display     allocation service only, needs no display controller\n"
	"  --headless[=WxH@HZ][:scale=NUMBER]\n"
	"                       no display: for captures and tests (1280x720@60); one\n"
	"                       output each time that it comes\n"
	"  -m, --mode WxH[@HZ]  mode of displays (default: the one that each prefers)\n"
	"  -t, --transform HOW  displays are turned anticlockwise by 90, 180 or 270, or\n"
	"                       flipped, or flipped-90 and so on (default: normal)\n"
	"  --scale NUMBER       how large windows are on displays, from 0.5 to 8: so many\n"
	"                       pixels for each of theirs (default: 1)\n"
	"  -i, --idle-off SECONDS\n"
	"                       switches displays off when there was no input for so long\n"
	"  --renderer WHICH     who composes: pixman (the CPU), gles (a GPU), or auto, gles\n"
	"                       where the display's GPU does it (default: auto)\n"
	"  --full-repaint       draws all of a frame, not only what has changed: to find out\n"
	"                       what is wrong with a picture\n"
	"  -r, --ready-fd FD    write a newline to FD when clients can connect\n"
	"  -l, --log LEVEL      silent, error (default), info or debug, to stderr\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version\n"
	"\n"
	"SIGTERM and SIGINT end it and give the display back as it was.\n"
	"Exit status: COMMAND's own, or 128 + the signal that ended it; 0 after a signal\n"
	"to waybufd; 1 if something failed, 2 for a bad command line, 126 or 127 if\n"
	"COMMAND cannot be run.\n";

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"device", required_argument, NULL, 'd'},
	{"output", required_argument, NULL, 'o'},
	{"no-display", no_argument, NULL, 'n'},
	{"headless", optional_argument, NULL, 'H'},
	{"renderer", required_argument, NULL, 'R'},
	{"full-repaint", no_argument, NULL, 'F'},
	{"idle-off", required_argument, NULL, 'i'},
	{"mode", required_argument, NULL, 'm'},
	{"transform", required_argument, NULL, 't'},
	{"scale", required_argument, NULL, 'S'},
	{"ready-fd", required_argument, NULL, 'r'},
	{"log", required_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static bool parse_mode(const char *text, struct options_mode *mode)
{
	unsigned width, height;
	double hz = 0;
	int end = 0;
	if (sscanf(text, "%5ux%5u%n", &width, &height, &end) != 2)
		return false;
	if (text[end] == '@') {
		char *rest;
		hz = strtod(text + end + 1, &rest);
		if (rest == text + end + 1 || *rest || !(hz > 0 && hz < 10000))
			return false;
	} else if (text[end]) {
		return false;
	}
	if (!width || !height)
		return false;
	*mode = (struct options_mode){width, height, (uint32_t)lround(hz * 1000)};
	return true;
}

/* As wl_output.transform calls and counts them. */
static bool parse_transform(const char *text, int32_t *transform)
{
	static const char *const names[] = {"normal", "90", "180", "270", "flipped", "flipped-90",
		"flipped-180", "flipped-270"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*transform = (int32_t)i;
			return true;
		}
	}
	return false;
}

/* To the nearest part. NULL, or what is wrong with it. */
static const char *parse_scale(const char *text, uint32_t *scale)
{
	char *rest;
	double value = strtod(text, &rest);
	if (!*text || *rest || text[strspn(text, "0123456789.")])
		return "a scale is a number, like 1.5";
	if (!(value >= 0.5 && value <= 8))
		return "a scale is from 0.5 to 8";
	*scale = (uint32_t)lround(value * GEOMETRY_SCALE_ONE);
	return NULL;
}

/* What follows "scale=" in a part of an argument; NULL: it is another one. */
static const char *find_scale(const char *part)
{
	static const char key[] = "scale=";
	const size_t length = sizeof(key) - 1;
	return strncmp(part, key, length) == 0 ? part + length : NULL;
}

/* The part of *text up to the next colon, and *text is behind that, or NULL. False: too long. */
static bool take_part(const char **text, char *part, size_t size)
{
	size_t length = strcspn(*text, ":");
	if (length >= size)
		return false;
	memcpy(part, *text, length);
	part[length] = '\0';
	*text = (*text)[length] ? *text + length + 1 : NULL;
	return true;
}

static const char bad_output[] = "--output wants a display's name, once, and parts like "
				 "HDMI-A-1:1280x720@60:90:scale=1.5 or HDMI-A-1:off";

/* One of the parts that follow the name of a display. NULL, or what is wrong with it. */
static const char *parse_part(const char *text, struct options_output *output)
{
	if (strcmp(text, "off") == 0) {
		output->off = true;
		return NULL;
	}
	if (parse_transform(text, &output->transform)) {
		output->has_transform = true;
		return NULL;
	}
	if (find_scale(text))
		return parse_scale(find_scale(text), &output->scale);
	return parse_mode(text, &output->mode) ? NULL : bad_output;
}

static const char *parse_output(const char *text, struct options *options)
{
	struct options_output output = {.off = false};
	const char *problem = NULL;
	char part[32];
	if (!take_part(&text, output.name, sizeof(output.name)) || !output.name[0] ||
		options_find_output(options, output.name))
		return bad_output;
	while (text && !problem)
		problem = take_part(&text, part, sizeof(part)) ? parse_part(part, &output)
							       : bad_output;
	if (problem)
		return problem;
	options->only_named |= !output.off;
	options->outputs[options->n_outputs++] = output;
	return NULL;
}

static const char bad_headless[] = "--headless wants =WxH, =WxH@HZ and perhaps a scale, like "
				   "--headless=1280x720@60:scale=1.5";

static const char *parse_headless(const char *text, struct options *options)
{
	struct options_headless headless = {.scale = 0};
	const char *problem = NULL;
	char part[32];
	while (text && !problem) {
		if (!take_part(&text, part, sizeof(part)))
			problem = bad_headless;
		else if (find_scale(part))
			problem = parse_scale(find_scale(part), &headless.scale);
		else if (!parse_mode(part, &headless.mode))
			problem = bad_headless;
	}
	if (!problem)
		options->headless[options->n_headless++] = headless;
	return problem;
}

uint32_t options_scale(const struct options *options, uint32_t own)
{
	if (own)
		return own;
	return options->scale ? options->scale : GEOMETRY_SCALE_ONE;
}

const struct options_output *options_find_output(const struct options *options, const char *name)
{
	for (unsigned i = 0; i < options->n_outputs; i++)
		if (strcmp(options->outputs[i].name, name) == 0)
			return &options->outputs[i];
	return NULL;
}

static bool parse_log(const char *text, struct options *options)
{
	static const char *const names[] = {
		[WAYBUF_LOG_SILENT] = "silent",
		[WAYBUF_LOG_ERROR] = "error",
		[WAYBUF_LOG_INFO] = "info",
		[WAYBUF_LOG_DEBUG] = "debug",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			options->log = (enum waybuf_log_level)i;
			return true;
		}
	}
	return false;
}

static bool parse_renderer(const char *text, struct options *options)
{
	static const char *const names[] = {
		[RENDERER_AUTO] = "auto",
		[RENDERER_PIXMAN] = "pixman",
		[RENDERER_GLES] = "gles",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			options->renderer = (enum options_renderer)i;
			return true;
		}
	}
	return false;
}

static bool parse_fd(const char *text, struct options *options)
{
	char *rest;
	errno = 0;
	long fd = strtol(text, &rest, 10);
	if (errno || rest == text || *rest || fd < 0 || fd > INT_MAX)
		return false;
	options->ready_fd = (int)fd;
	return fcntl(options->ready_fd, F_GETFD) >= 0;
}

/* Up to a week: whoever wants longer than that wants never. */
static bool parse_idle(const char *text, struct options *options)
{
	char *rest;
	errno = 0;
	unsigned long seconds = strtoul(text, &rest, 10);
	if (errno || *text < '0' || *text > '9' || *rest || seconds < 1 || seconds > 604800)
		return false;
	options->idle_off_s = (uint32_t)seconds;
	return true;
}

/* NULL, or what is wrong with the argument. */
static const char *parse_option(int option, struct options *options)
{
	switch (option) {
	case 's':
		options->socket = optarg;
		return *optarg ? NULL : "--socket needs a name";
	case 'd':
		options->device = optarg;
		return *optarg ? NULL : "--device needs the path of a node like /dev/dri/card0";
	case 'o':
		if (options->n_outputs == OPTIONS_MOST_OUTPUTS)
			return "--output may come 16 times at most";
		return parse_output(optarg, options);
	case 'n':
		options->no_display = true;
		return NULL;
	case 'i':
		return parse_idle(optarg, options) ? NULL
						   : "--idle-off wants seconds, from 1 to 604800";
	case 'R':
		return parse_renderer(optarg, options) ? NULL
						       : "--renderer wants auto, pixman or gles";
	case 'F':
		options->full_repaint = true;
		return NULL;
	case 'H':
		if (options->n_headless == OPTIONS_MOST_OUTPUTS)
			return "--headless may come 16 times at most";
		return parse_headless(optarg, options);
	case 'm':
		return parse_mode(optarg, &options->mode)
			? NULL
			: "--mode wants WxH or WxH@HZ, like 1280x720@60";
	case 't':
		return parse_transform(optarg, &options->transform)
			? NULL
			: "--transform wants normal, 90, 180, 270, flipped, flipped-90, "
			  "flipped-180 or flipped-270";
	case 'S':
		return parse_scale(optarg, &options->scale);
	case 'r':
		return parse_fd(optarg, options) ? NULL
						 : "--ready-fd wants the number of an open fd";
	case 'l':
		return parse_log(optarg, options) ? NULL
						  : "--log wants silent, error, info or debug";
	case ':':
		return "an argument is missing after ";
	default:
		return "there is no option ";
	}
}

/* What getopt stopped at, where it is not the argument of an option that is wrong. */
static const char *culprit(int option, char *const argv[])
{
	return option == ':' || option == '?' ? argv[optind - 1] : "";
}

/* A timer can stand for the vertical blank. */
static bool rate_is_good(const struct options_mode *mode)
{
	return !mode->refresh_mhz || (mode->refresh_mhz >= 1000 && mode->refresh_mhz <= 1000000);
}

static const char *check_headless(const struct options *options)
{
	bool good = rate_is_good(&options->mode);
	if (options->device || options->n_outputs || options->no_display)
		return "--headless leaves no use for --device, --output and --no-display";
	for (unsigned i = 0; i < options->n_headless; i++)
		good = good && rate_is_good(&options->headless[i].mode);
	return good ? NULL : "--headless has from 1 to 1000 Hz";
}

static const char *check(const struct options *options)
{
	if (options->n_headless)
		return check_headless(options);
	if (options->no_display &&
		(options->device || options->n_outputs || options->mode.width ||
			options->transform || options->scale || options->idle_off_s ||
			options->renderer != RENDERER_AUTO))
		return "--no-display leaves no use for --device, --output, --mode, --transform, "
		       "--scale, --idle-off and --renderer";
	return NULL;
}

static bool usage(const char *problem, const char *argument, int *status)
{
	fprintf(stderr, "waybufd: %s%s; see waybufd --help\n", problem, argument);
	*status = EXIT_USAGE;
	return false;
}

bool options_parse(struct options *options, int argc, char *argv[], int *status)
{
	*options = (struct options){.ready_fd = -1, .log = WAYBUF_LOG_ERROR};
	int option;
	while ((option = getopt_long(argc, argv, "+:s:d:o:nm:t:i:r:l:hV", long_options, NULL)) !=
		-1) {
		if (option == 'h' || option == 'V') {
			fputs(option == 'h' ? help : "waybufd " WAYBUFD_VERSION "\n", stdout);
			*status = EXIT_SUCCESS;
			return false;
		}
		const char *problem = parse_option(option, options);
		if (problem)
			return usage(problem, culprit(option, argv), status);
	}
	const char *problem = check(options);
	if (problem)
		return usage(problem, "", status);
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return usage("put -- before the COMMAND ", argv[optind], status);
	options->command = optind < argc ? &argv[optind] : NULL;
	return true;
}
