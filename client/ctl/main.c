/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

void ctl_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("waybufctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static const char usage[] =
	"usage: waybufctl [--display NAME] info [--json] [--local]\n"
	"       waybufctl [--display NAME] top [--buffers] [--sort COLUMN] [--json]\n"
	"                 [--count N] [--seconds N]\n"
	"       waybufctl [--display NAME] explain [--json] POOL[.INDEX]\n"
	"       waybufctl [--display NAME] power OUTPUT|all on|off\n"
	"       waybufctl [--display NAME] screenshot [--output NAME] FILE.png\n"
	"       waybufctl [--display NAME] trace [--seconds N] --output FILE.json\n"
	"       waybufctl [--display NAME] why [--json] ID\n"
	"       waybufctl --help | --version\n"
	"\n"
	"  info         devices, planes, formats, exporters, and why one does not work\n"
	"  top          who holds what, again and again on a terminal, else once\n"
	"  explain      who needs what of a pool or a buffer, why this memory, why no other\n"
	"  power        switches the display of an output off, or on again\n"
	"  screenshot   writes what an output shows; FILE.png may be - for stdout\n"
	"  trace        writes what happens to commits, for Perfetto; - for stdout\n"
	"  why          what a surface waits for, by its id or that of its buffer\n"
	"\n"
	"  -d, --display NAME   Wayland socket of the server; default: WAYLAND_DISPLAY\n"
	"  -o, --output NAME    which output to capture; default: the first one;\n"
	"                       with trace: the file to write\n"
	"  -s, --seconds N      how long to trace, 1 to 60; default: 5;\n"
	"                       with top: between two tables; default: 1\n"
	"  -b, --buffers        a row for each buffer, not for each client\n"
	"  -c, --count N        so many tables, one after the other\n"
	"  -S, --sort COLUMN    memory, buffers, descriptors, attached, shown, fences,\n"
	"                       generation, time or name; default: memory\n"
	"  -j, --json           one JSON document instead of text\n"
	"  -l, --local          look at this machine, not at a server\n"
	"  -h, --help           print this and exit\n"
	"  -V, --version        print the version and exit\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no server, 4 the server does not\n"
	"offer what is needed.\n";

struct arguments {
	const char *display, *output, *seconds, *count, *sort;
	bool json, local, buffers;
};

static enum ctl_status run_info(const struct arguments *arguments, int argc, char **argv)
{
	if (argc > 0 || arguments->output || arguments->seconds) {
		ctl_error("info takes no %s; see waybufctl --help",
			argc > 0                    ? "file name"
				: arguments->output ? "--output"
						    : "--seconds");
		return CTL_USAGE;
	}
	struct ctl_info_options options = {
		.display = arguments->display,
		.local = arguments->local,
	};
	struct json_object *document = NULL;
	enum ctl_status status = ctl_collect_info(&options, &document);
	if (status != CTL_OK)
		return status;
	if (arguments->json)
		puts(json_object_to_json_string_ext(document,
			JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_PRETTY_TAB |
				JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		ctl_print_info(document, stdout);
	json_object_put(document);
	return CTL_OK;
}

/* 1 to 60, and @missing if there is none. */
static bool parse_seconds(const char *text, unsigned missing, unsigned *seconds)
{
	char *end;
	*seconds = missing;
	if (!text)
		return true;
	unsigned long value = strtoul(text, &end, 10);
	*seconds = (unsigned)value;
	return *text >= '0' && *text <= '9' && !*end && value >= 1 && value <= 60;
}

static bool parse_count(const char *text, unsigned *count)
{
	char *end;
	*count = 0;
	if (!text)
		return true;
	unsigned long value = strtoul(text, &end, 10);
	*count = (unsigned)value;
	return *text >= '0' && *text <= '9' && !*end && value >= 1 && value <= 1000000;
}

static enum ctl_status run_top(const struct arguments *arguments, int argc, char **argv)
{
	struct ctl_top_options options = {
		.display = arguments->display,
		.sort = arguments->sort,
		.buffers = arguments->buffers,
		.json = arguments->json,
	};
	if (argc > 0 || arguments->output || arguments->local ||
		!parse_seconds(arguments->seconds, 1, &options.seconds) ||
		!parse_count(arguments->count, &options.count)) {
		ctl_error(
			"top takes --buffers, --sort COLUMN, --json, --count N and --seconds from 1 "
			"to 60; see waybufctl --help");
		return CTL_USAGE;
	}
	if (options.sort && !ctl_top_has_column(options.sort)) {
		ctl_error("there is no column '%s' to sort by; see waybufctl --help", options.sort);
		return CTL_USAGE;
	}
	return ctl_top(&options);
}

static enum ctl_status run_explain(const struct arguments *arguments, int argc, char **argv)
{
	if (argc != 1 || arguments->output || arguments->local || arguments->seconds) {
		ctl_error(
			"explain takes a pool, or a buffer as POOL.INDEX; waybufctl top --buffers "
			"lists them");
		return CTL_USAGE;
	}
	return ctl_explain(arguments->display, argv[0], arguments->json);
}

static enum ctl_status run_power(const struct arguments *arguments, int argc, char **argv)
{
	bool on = argc == 2 && strcmp(argv[1], "on") == 0;
	if (argc != 2 || (!on && strcmp(argv[1], "off") != 0) || !argv[0][0] || arguments->json ||
		arguments->local || arguments->seconds || arguments->output) {
		ctl_error("power takes the name of an output, or all, and on or off; see waybufctl "
			  "--help");
		return CTL_USAGE;
	}
	return ctl_power(arguments->display, argv[0], on);
}

static enum ctl_status run_screenshot(const struct arguments *arguments, int argc, char **argv)
{
	if (argc != 1 || arguments->json || arguments->local || arguments->seconds) {
		ctl_error("screenshot takes one file name, and of options --output; see waybufctl "
			  "--help");
		return CTL_USAGE;
	}
	struct ctl_screenshot_options options = {
		.display = arguments->display,
		.output = arguments->output,
		.path = argv[0],
	};
	return ctl_screenshot(&options);
}

static enum ctl_status run_trace(const struct arguments *arguments, int argc, char **argv)
{
	unsigned seconds;
	if (argc > 0 || !arguments->output || arguments->json || arguments->local ||
		!parse_seconds(arguments->seconds, 5, &seconds)) {
		ctl_error("trace takes --output FILE, and --seconds from 1 to 60; see waybufctl "
			  "--help");
		return CTL_USAGE;
	}
	return ctl_trace(arguments->display, seconds, arguments->output);
}

static enum ctl_status run_why(const struct arguments *arguments, int argc, char **argv)
{
	if (argc != 1 || arguments->output || arguments->local || arguments->seconds) {
		ctl_error("why takes the id of a surface or of a buffer; see waybufctl --help");
		return CTL_USAGE;
	}
	return ctl_why(arguments->display, argv[0], arguments->json);
}

static const struct {
	const char *name;
	enum ctl_status (*run)(const struct arguments *arguments, int argc, char **argv);
} commands[] = {
	{"info", run_info},
	{"top", run_top},
	{"explain", run_explain},
	{"power", run_power},
	{"screenshot", run_screenshot},
	{"trace", run_trace},
	{"why", run_why},
};

static enum ctl_status run_command(const struct arguments *arguments, int argc, char **argv)
{
	if (argc == 0) {
		ctl_error("what shall I do? try waybufctl info, or waybufctl --help");
		return CTL_USAGE;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(arguments, argc - 1, argv + 1);
	}
	ctl_error("there is no command '%s'; see waybufctl --help", argv[0]);
	return CTL_USAGE;
}

/* True if the program shall go on; else *status is its exit status. */
static bool parse(int argc, char **argv, struct arguments *arguments, enum ctl_status *status)
{
	static const struct option options[] = {
		{"display", required_argument, NULL, 'd'},
		{"output", required_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'},
		{"local", no_argument, NULL, 'l'},
		{"seconds", required_argument, NULL, 's'},
		{"buffers", no_argument, NULL, 'b'},
		{"count", required_argument, NULL, 'c'},
		{"sort", required_argument, NULL, 'S'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	*status = CTL_OK;
	int option;
	while ((option = getopt_long(argc, argv, "d:o:s:c:S:bjlhV", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			arguments->display = optarg;
			break;
		case 'o':
			arguments->output = optarg;
			break;
		case 'j':
			arguments->json = true;
			break;
		case 'l':
			arguments->local = true;
			break;
		case 's':
			arguments->seconds = optarg;
			break;
		case 'b':
			arguments->buffers = true;
			break;
		case 'c':
			arguments->count = optarg;
			break;
		case 'S':
			arguments->sort = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return false;
		case 'V':
			puts("waybufctl " WAYBUF_VERSION_STRING);
			return false;
		default:
			/* getopt has said what is wrong. */
			*status = CTL_USAGE;
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	/* A server that goes away is an error return, not a signal. */
	signal(SIGPIPE, SIG_IGN);
	struct arguments arguments = {0};
	enum ctl_status status = CTL_OK;
	if (parse(argc, argv, &arguments, &status))
		status = run_command(&arguments, argc - optind, argv + optind);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_OK) {
		ctl_error("the output could not be written");
		status = CTL_FAILED;
	}
	return (int)status;
}
