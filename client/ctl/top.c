/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <json-c/json.h>

/*
 * The top report as a table: a row for each client, or for each buffer. The server tells of clients,
 * of pools and their buffers, and of what clients have brought along; who pays for what is put
 * together here.
 */
struct row {
	char name[24]; /* of the client */
	uint64_t id; /* of the client */
	uint64_t bytes, buffers, fds, attachments, shown, fences, age_ms;
	/* of a client the highest and the first one, "+" if there are others */
	uint64_t generation;
	char exporter[14];
	/* of a buffer */
	char label[14], image[24], state[12];
};

struct table {
	struct row *rows;
	size_t n, max;
};

/* ---- reading ------------------------------------------------------------------------------- */

static uint64_t number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

static const char *string(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static bool is_type(struct json_object *object, const char *type)
{
	return strcmp(string(object, "type"), type) == 0;
}

static struct row *add_row(struct table *table)
{
	if (table->n == table->max) {
		size_t max = table->max ? 2 * table->max : 32;
		struct row *rows = reallocarray(table->rows, max, sizeof(*rows));
		if (!rows)
			return NULL;
		table->rows = rows;
		table->max = max;
	}
	struct row *row = &table->rows[table->n++];
	*row = (struct row){0};
	return row;
}

/* Into a column, and so without what would move a terminal's cursor. */
static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
	for (; *to; to++) {
		if ((unsigned char)*to < ' ' || *to == 0x7f)
			*to = '?';
	}
}

static struct row *find_client(const struct table *clients, uint64_t id)
{
	for (size_t i = 0; i < clients->n; i++) {
		if (clients->rows[i].id == id)
			return &clients->rows[i];
	}
	return NULL;
}

static void add_client(struct table *clients, struct json_object *object)
{
	struct json_object *used = json_object_object_get(object, "used");
	struct row *row = add_row(clients);
	if (!row)
		return;
	copy_text(row->name, sizeof(row->name), string(object, "name"));
	row->id = number(object, "id");
	row->bytes = number(used, "kib") * 1024;
	row->buffers = number(used, "buffers");
	row->fds = number(used, "fds");
	row->attachments = number(used, "attachments");
	row->age_ms = number(object, "age_ms");
}

/* What the server does not count up: where the memory is from, and who is at it. */
static void add_to_client(struct row *client, struct json_object *buffer)
{
	const char *exporter = is_type(buffer, "brought") ? "brought" : string(buffer, "exporter");
	client->shown += number(buffer, "shown");
	client->fences += number(buffer, "fences");
	if (number(buffer, "generation") > client->generation)
		client->generation = number(buffer, "generation");
	size_t length = strlen(client->exporter);
	if (!*client->exporter)
		copy_text(client->exporter, sizeof(client->exporter) - 1, exporter);
	else if (*exporter && strcmp(client->exporter, exporter) != 0 &&
		client->exporter[length - 1] != '+')
		strcpy(client->exporter + length, "+");
}

static const char *state_of(struct json_object *buffer)
{
	if (number(buffer, "writers"))
		return "written";
	if (number(buffer, "shown"))
		return "shown";
	if (number(buffer, "readers"))
		return "read";
	const char *state = string(buffer, "state");
	return strcmp(state, "backed") == 0 ? "idle" : state;
}

static void add_buffer(struct table *buffers, struct json_object *buffer, struct json_object *pool,
	const struct row *client)
{
	struct row *row = add_row(buffers);
	struct json_object *size = pool ? pool : buffer;
	if (!row)
		return;
	if (pool)
		snprintf(row->label, sizeof(row->label), "%" PRIu64 ".%" PRIu64,
			number(buffer, "pool"), number(buffer, "index"));
	else
		snprintf(row->label, sizeof(row->label), "%" PRIu64, number(buffer, "wl_buffer"));
	snprintf(row->name, sizeof(row->name), "%s", client ? client->name : "");
	char image[64];
	snprintf(image, sizeof(image), "%" PRIu64 "x%" PRIu64 " %s", number(size, "width"),
		number(size, "height"), string(buffer, "format"));
	copy_text(row->image, sizeof(row->image), image);
	copy_text(row->exporter, sizeof(row->exporter),
		pool ? string(buffer, "exporter") : "brought");
	row->bytes = number(buffer, "bytes");
	row->generation = number(buffer, "generation");
	row->shown = number(buffer, "shown");
	row->fences = number(buffer, "fences");
	row->age_ms = client ? client->age_ms : 0;
	copy_text(row->state, sizeof(row->state), state_of(buffer));
}

/* Buffers come behind their pool, and pools and what was brought behind the clients. */
static void read_report(struct json_object *objects, struct table *clients, struct table *buffers)
{
	struct json_object *pool = NULL;
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		if (is_type(object, "client"))
			add_client(clients, object);
		if (is_type(object, "pool"))
			pool = object;
		bool brought = is_type(object, "brought");
		if (!brought && !(is_type(object, "buffer") && pool))
			continue;
		struct row *client =
			find_client(clients, number(brought ? object : pool, "client"));
		if (client)
			add_to_client(client, object);
		add_buffer(buffers, object, brought ? NULL : pool, client);
	}
}

/* ---- sorting ------------------------------------------------------------------------------- */

enum column { MEMORY, BUFFERS, FDS, ATTACHMENTS, SHOWN, FENCES, GENERATION, AGE, NAME, N_COLUMNS };

/* What --sort takes; on a terminal the key is the first letter. */
static const char *const columns[N_COLUMNS] = {
	[MEMORY] = "memory",
	[BUFFERS] = "buffers",
	[FDS] = "descriptors",
	[ATTACHMENTS] = "attached",
	[SHOWN] = "shown",
	[FENCES] = "fences",
	[GENERATION] = "generation",
	[AGE] = "time",
	[NAME] = "name",
};

bool ctl_top_has_column(const char *name)
{
	for (int i = 0; i < N_COLUMNS; i++) {
		if (strcmp(columns[i], name) == 0)
			return true;
	}
	return false;
}

static uint64_t key_of(const struct row *row, enum column column)
{
	const uint64_t keys[N_COLUMNS] = {row->bytes, row->buffers, row->fds, row->attachments,
		row->shown, row->fences, row->generation, row->age_ms, 0};
	return keys[column];
}

/* The largest first; equals by name, and the same client's as the server had them. */
static int compare_rows(const void *a, const void *b, void *data)
{
	const struct row *x = a, *y = b;
	const enum column *column = data;
	uint64_t u = key_of(x, *column), v = key_of(y, *column);
	if (u != v)
		return u > v ? -1 : 1;
	int order = strcmp(x->name, y->name);
	return order ? order : strcmp(x->label, y->label);
}

static void sort(struct table *table, enum column column)
{
	if (table->n)
		qsort_r(table->rows, table->n, sizeof(*table->rows), compare_rows, &column);
}

/* ---- printing ------------------------------------------------------------------------------ */

void ctl_format_bytes(uint64_t bytes, char out[16])
{
	if (bytes >= UINT64_C(10) << 30)
		snprintf(out, 16, "%" PRIu64 " GiB", bytes >> 30);
	else if (bytes >= 1 << 20)
		snprintf(out, 16, "%.1f MiB", (double)bytes / (1 << 20));
	else
		snprintf(out, 16, "%" PRIu64 " KiB", bytes >> 10);
}

static void format_age(uint64_t ms, char out[16])
{
	uint64_t seconds = ms / 1000;
	if (seconds < 100)
		snprintf(out, 16, "%" PRIu64 " s", seconds);
	else if (seconds < 6000)
		snprintf(out, 16, "%" PRIu64 " min", seconds / 60);
	else
		snprintf(out, 16, "%" PRIu64 " h", seconds / 3600);
}

static void print_clients(const struct table *clients, FILE *out)
{
	char size[16], age[16];
	fprintf(out,
		"CLIENT                    MEMORY BUFS FDS ATT SHOWN FENCES GEN FROM         TIME\n");
	for (size_t i = 0; i < clients->n; i++) {
		const struct row *row = &clients->rows[i];
		ctl_format_bytes(row->bytes, size);
		format_age(row->age_ms, age);
		fprintf(out,
			"%-22.22s%10s %4" PRIu64 " %3" PRIu64 " %3" PRIu64 " %5" PRIu64 " %6" PRIu64
			" %3" PRIu64 " %-11s %5s\n",
			row->name, size, row->buffers, row->fds, row->attachments, row->shown,
			row->fences, row->generation, *row->exporter ? row->exporter : "-", age);
	}
}

/* What a client has brought along has the id of its wl_buffer, and is charged to nobody here. */
static void print_buffers(const struct table *buffers, FILE *out)
{
	char size[16];
	fputs("BUFFER     CLIENT               IMAGE            MEMORY FROM        GEN STATE\n",
		out);
	for (size_t i = 0; i < buffers->n; i++) {
		const struct row *row = &buffers->rows[i];
		ctl_format_bytes(row->bytes, size);
		fprintf(out, "%-10s %-20.20s %-14s %8s %-11s %3" PRIu64 " %s\n", row->label,
			row->name, row->image, row->bytes ? size : "-",
			*row->exporter ? row->exporter : "-", row->generation, row->state);
	}
}

static void print_total(const struct table *clients, enum column column, FILE *out)
{
	uint64_t bytes = 0, buffers = 0, fds = 0;
	char size[16];
	for (size_t i = 0; i < clients->n; i++) {
		bytes += clients->rows[i].bytes;
		buffers += clients->rows[i].buffers;
		fds += clients->rows[i].fds;
	}
	ctl_format_bytes(bytes, size);
	fprintf(out, "%zu client%s, %s in %" PRIu64 " buffers, %" PRIu64 " fds; by %s\n\n",
		clients->n, clients->n == 1 ? "" : "s", size, buffers, fds, columns[column]);
}

static enum column find_column(const char *name)
{
	for (int i = 0; name && i < N_COLUMNS; i++) {
		if (strcmp(columns[i], name) == 0)
			return (enum column)i;
	}
	return MEMORY;
}

void ctl_print_top(struct json_object *document, const struct ctl_top_options *options, FILE *out)
{
	struct table clients = {0}, buffers = {0};
	enum column column = find_column(options->sort);
	read_report(json_object_object_get(document, "objects"), &clients, &buffers);
	sort(&clients, column);
	sort(&buffers, column);
	print_total(&clients, column, out);
	if (options->buffers)
		print_buffers(&buffers, out);
	else
		print_clients(&clients, out);
	free(clients.rows);
	free(buffers.rows);
}

/* ---- again and again ----------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void handle_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* Keys without Enter, and nothing echoed; false: no terminal. */
static bool enter_terminal(struct termios *before)
{
	struct sigaction action = {.sa_handler = handle_signal};
	if (tcgetattr(STDIN_FILENO, before) < 0)
		return false;
	struct termios raw = *before;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* Waits for the next turn or a key. False: it is time to go. */
static bool wait_for_key(
	const struct ctl_top_options *options, bool keys, struct ctl_top_options *now)
{
	char key;
	struct pollfd poll_fd = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
	int ret = poll(&poll_fd, 1, (int)options->seconds * 1000);
	if (interrupted || (ret < 0 && errno != EINTR))
		return false;
	if (ret <= 0)
		return true;
	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q')
		return false;
	if (key == '\t')
		now->buffers = !now->buffers;
	for (int i = 0; i < N_COLUMNS; i++) {
		if (columns[i][0] == key)
			now->sort = columns[i];
	}
	return true;
}

static enum ctl_status show(
	struct ctl_session *session, const struct ctl_top_options *options, bool live)
{
	struct json_object *document = NULL;
	enum ctl_status status = ctl_ask_report(session, CTL_REPORT_TOP, "", 0, &document);
	if (status != CTL_OK)
		return status;
	if (live)
		fputs("\033[H\033[J", stdout);
	if (options->json)
		puts(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));
	else
		ctl_print_top(document, options, stdout);
	if (live)
		fputs("\nq: quit, tab: clients or buffers, first letter of a column: sort by it\n",
			stdout);
	json_object_put(document);
	return fflush(stdout) == 0 ? CTL_OK : CTL_FAILED;
}

enum ctl_status ctl_top(const struct ctl_top_options *options)
{
	struct ctl_session session;
	struct ctl_top_options now = *options;
	struct termios before;
	bool live = !options->count && !options->json && isatty(STDOUT_FILENO);
	enum ctl_status status = ctl_session_open(&session, options->display, false);
	if (status != CTL_OK)
		return status;
	bool keys = live && enter_terminal(&before);
	unsigned left = options->count || live ? options->count : 1;
	do {
		status = show(&session, &now, live);
	} while (status == CTL_OK && (live || --left) && wait_for_key(options, keys, &now));
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	ctl_session_close(&session);
	return status;
}
