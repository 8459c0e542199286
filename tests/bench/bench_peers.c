/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"
#include "peer.h"
#include "stage.h"

/*
 * waybufd beside other compositors, in turns, with the same client: a fullscreen window at the
 * display's pace, and then eight subsurfaces in it. Each turn is a process of its own, so that one
 * that cannot be measured spoils nothing: the table has a dash there, and below it the reason.
 *
 *	bench-peers [NAME...]
 */
#define ROUNDS 2
#define WARM 20
#define FRAMES 120
/* that one sample of CPU time is of */
#define BATCH 4
#define TRACED 20
#define VBLANKS 1000
/* of the peers, which miss enough of them: it is the longest part of a turn */
#define FEWER_VBLANKS 300
#define PATIENCE_S 120

/* NaN: not measured. */
struct figures {
	double start_ms, cpu_us, calls, direct, release_us, rss_kib, pss_kib;
	double missed, overlays;
	bool shm; /* it takes no dma-bufs */
	struct bench_server server; /* as it was started; pid 0: it was not */
};

struct turn {
	const struct peer *peer;
	struct figures *figures; /* shared memory */
	struct bench_server server;
	struct stage stage;
	bool last;
};

static const struct figures nothing = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, false, {0}};

/* ---- a turn -------------------------------------------------------------------------------- */

static void start(struct turn *turn)
{
	double began = bench_now_us();
	peer_start(&turn->server, turn->peer);
	turn->figures->server = turn->server;
	peer_wait(&turn->server);
	stage_init(&turn->stage, turn->server.socket);
	turn->figures->start_ms = (bench_now_us() - began) / 1000;
	turn->figures->shm = !turn->stage.dmabuf;
	turn->server.pid = turn->stage.server;
}

/* What others do on the machine can only add to it. */
static double typical_cpu(struct turn *turn)
{
	double samples[FRAMES / BATCH];
	double before = bench_server_cpu_us(&turn->server);
	for (int i = 0; i < FRAMES / BATCH; i++) {
		stage_show_window(&turn->stage, BATCH);
		double now = bench_server_cpu_us(&turn->server);
		samples[i] = (now - before) / BATCH;
		before = now;
	}
	return bench_typical(samples, FRAMES / BATCH);
}

static void measure_frames(struct turn *turn)
{
	double latencies[FRAMES];
	struct stage *stage = &turn->stage;
	stage->asks = true;
	stage_show_window(stage, WARM);
	turn->figures->direct = 100.0 * stage->window.direct / WARM;
	stage->asks = false;
	stage->latencies = latencies;
	stage->most_latencies = FRAMES;
	turn->figures->cpu_us = typical_cpu(turn);
	stage->most_latencies = 0;
	if (stage->n_latencies > 0)
		turn->figures->release_us = bench_quantile(latencies, stage->n_latencies, 0.5);
	turn->figures->rss_kib = bench_server_rss_kib(&turn->server);
	turn->figures->pss_kib = peer_pss_kib(&turn->server);
}

static void show_frame(void *data)
{
	struct turn *turn = data;
	stage_show_window(&turn->stage, 1);
}

/* Those that had no new frame of the worst of them, and how many were without a copy. */
static void measure_overlays(struct turn *turn)
{
	struct stage *stage = &turn->stage;
	unsigned vblanks = turn->peer == peers ? VBLANKS : FEWER_VBLANKS;
	unsigned missed = 0, direct = 0, presented = 0;
	stage_add_children(stage);
	stage_show_children(stage, WARM, INFINITY);
	stage->asks = true;
	stage_show_children(stage, vblanks, vblanks * 1e6 / 60);
	for (unsigned i = 0; i < stage->n_children; i++) {
		unsigned n = stage_missed(&stage->children[i]);
		missed = n > missed ? n : missed;
		direct += stage->children[i].direct;
		presented += stage->children[i].presented;
	}
	turn->figures->missed = (double)missed * VBLANKS / vblanks;
	turn->figures->overlays = 100.0 * direct / fmax(presented, 1);
}

static void stop(struct turn *turn)
{
	stage_finish(&turn->stage);
	kill(turn->server.pid, SIGTERM);
	for (int i = 0; i < 500 && waitpid(-1, NULL, WNOHANG) == 0; i++)
		usleep(10000);
}

/* At the end of a turn that went wrong: whether the server's own end was the reason. */
static struct bench_server *suspect;

static void tell_end(void)
{
	int status;
	pid_t pid = 0;
	for (int i = 0; i < 200 && suspect->pid > 0 && pid == 0; i++) {
		usleep(10000);
		pid = waitpid(suspect->pid, &status, WNOHANG);
	}
	if (pid <= 0)
		return;
	if (WIFSIGNALED(status))
		fprintf(stderr, "(its server died of %s)\n", strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "(its server ended with status %d)\n", WEXITSTATUS(status));
}

static _Noreturn void be_turn(struct turn *turn, int messages)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(messages, STDERR_FILENO);
	bench_init(turn->peer->name, PATIENCE_S);
	suspect = &turn->figures->server;
	atexit(tell_end);
	start(turn);
	measure_frames(turn);
	if (turn->last) {
		turn->figures->calls = bench_trace_each(&turn->server, TRACED, show_frame, turn);
		measure_overlays(turn);
	}
	stop(turn);
	_exit(0);
}

/* ---- turns --------------------------------------------------------------------------------- */

struct row {
	const struct peer *peer;
	double start_ms[ROUNDS], cpu_us[ROUNDS], release_us[ROUNDS];
	struct figures last;
	char reason[256]; /* empty: all was measured */
};

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	return memory;
}

/* All that the turn said, in one line. */
static void read_reason(struct row *row, int messages)
{
	ssize_t size = pread(messages, row->reason, sizeof(row->reason) - 1, 0);
	if (size <= 0)
		size = snprintf(
			row->reason, sizeof(row->reason), "%s: has ended\n", row->peer->name);
	row->reason[size - 1] = '\0';
	for (char *at = row->reason; (at = strchr(at, '\n'));)
		memcpy(at, " ", 1);
}

static void take_turn(struct row *row, int round)
{
	struct turn turn = {.peer = row->peer, .last = round == ROUNDS - 1};
	int status, messages = memfd_create("messages", MFD_CLOEXEC);
	if (messages < 0)
		bench_fail("memfd_create: %s", strerror(errno));
	turn.figures = share(sizeof(*turn.figures));
	*turn.figures = nothing;
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (pid == 0)
		be_turn(&turn, messages);
	waitpid(pid, &status, 0);
	if (status != 0)
		read_reason(row, messages);
	if (turn.figures->server.pid > 0)
		kill(-turn.figures->server.pid, SIGKILL);
	row->start_ms[round] = turn.figures->start_ms;
	row->cpu_us[round] = turn.figures->cpu_us;
	row->release_us[round] = turn.figures->release_us;
	row->last = *turn.figures;
	munmap(turn.figures, sizeof(*turn.figures));
	close(messages);
}

/* Of the rounds in which it could be measured. */
static double typical(const double samples[ROUNDS])
{
	double good[ROUNDS];
	size_t n = 0;
	for (int i = 0; i < ROUNDS; i++)
		if (!isnan(samples[i]))
			good[n++] = samples[i];
	return n > 0 ? bench_typical(good, n) : NAN;
}

/* ---- the table ----------------------------------------------------------------------------- */

static void print_cell(double value, int digits, int width)
{
	if (isnan(value))
		printf(" %*s", width, "-");
	else
		printf(" %*.*f", width, digits, value);
}

static void print_row(const struct row *row)
{
	const struct figures *last = &row->last;
	printf("%-17s", row->peer->name);
	print_cell(typical(row->cpu_us) / 1000, 2, 6);
	print_cell(last->calls, 1, 6);
	print_cell(last->direct, 0, 6);
	print_cell(typical(row->release_us) / 1000, 1, 7);
	print_cell(last->rss_kib / 1024, 1, 6);
	print_cell(last->pss_kib / 1024, 1, 6);
	print_cell(typical(row->start_ms), 0, 6);
	print_cell(last->missed, 0, 6);
	print_cell(last->overlays, 0, 6);
	printf("\n");
}

static void print_bare(const struct bench_bare *bare)
{
	printf("%-17s", "nothing but flips");
	print_cell(NAN, 0, 6);
	print_cell(NAN, 0, 6);
	print_cell(100, 0, 6);
	print_cell(bare->period_us / 1000, 1, 7);
	for (int i = 0; i < 3; i++)
		print_cell(NAN, 0, 6);
	print_cell(bare->missed, 0, 6);
	print_cell(NAN, 0, 6);
	printf("\n");
}

/* Why there is a dash, or something else than meant. */
static void print_reasons(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].reason[0])
			printf("- %s\n", rows[i].reason);
		if (rows[i].last.shm)
			printf("- %s: takes no dma-bufs, its frames are in wl_shm\n",
				rows[i].peer->name);
	}
}

static void print_table(const struct row *rows, size_t n, const struct bench_bare *bare)
{
	printf("%-17s %6s %6s %6s %7s %6s %6s %6s %6s %6s\n", "", "CPU", "calls", "direct",
		"release", "RSS", "PSS", "start", "missed", "direct");
	printf("%-17s %6s %6s %6s %7s %6s %6s %6s %6s %6s\n", "", "ms", "", "%", "ms", "MiB", "MiB",
		"ms", "of 8", "of 8");
	for (size_t i = 0; i < n; i++)
		print_row(&rows[i]);
	print_bare(bare);
	print_reasons(rows, n);
}

/* Of the peers that take dma-bufs, the one that needs the least. */
static double best_cpu(const struct row *rows, size_t n)
{
	double best = NAN;
	for (size_t i = 1; i < n; i++)
		if (!rows[i].last.shm)
			best = fmin(best, typical(rows[i].cpu_us));
	return best;
}

static void print_figures(const struct row *rows, size_t n, const struct bench_bare *bare)
{
	const struct row *ours = &rows[0];
	bench_print_ratio("peers_frame_cpu", typical(ours->cpu_us), "us", best_cpu(rows, n), 0.5);
	bench_print_value("peers_frame_syscalls", ours->last.calls, "calls", NAN, 8);
	bench_print_ratio("peers_release", typical(ours->release_us), "us", bare->period_us, 1.05);
	bench_print_value("peers_rss", ours->last.rss_kib / 1024, "MiB", NAN, 12);
	bench_print_value("peers_first_frame", typical(ours->start_ms), "ms", NAN, 150);
	bench_print_value("peers_missed", ours->last.missed, "vblanks", bare->missed, 0);
}

/* ---- which ones ---------------------------------------------------------------------------- */

static bool is_wanted(const struct peer *peer, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], peer->name) == 0)
			return true;
	return argc == 1;
}

static void init_row(struct row *row)
{
	for (int i = 0; i < ROUNDS; i++)
		row->start_ms[i] = row->cpu_us[i] = row->release_us[i] = NAN;
	if (!peer_exists(row->peer))
		snprintf(row->reason, sizeof(row->reason), "%s: there is no %s here",
			row->peer->name, row->peer->argv[0]);
}

/* waybufd first, and always. */
static size_t choose(struct row *rows, int argc, char **argv)
{
	size_t n = 0;
	for (size_t i = 0; i < n_peers; i++)
		if (i == 0 || is_wanted(&peers[i], argc, argv)) {
			rows[n] = (struct row){.peer = &peers[i], .last = nothing};
			init_row(&rows[n++]);
		}
	return n;
}

/* A peer that cannot be measured is not tried again. */
static void take_turns(struct row *rows, size_t n, int round)
{
	for (size_t i = 0; i < n; i++)
		if (!rows[i].reason[0])
			take_turn(&rows[i], round);
}

int main(int argc, char **argv)
{
	struct row rows[16];
	struct bench_bare bare = {0};
	double periods[ROUNDS];
	bench_init("bench-peers", 1800);
	size_t n = choose(rows, argc, argv);
	for (int round = 0; round < ROUNDS; round++) {
		bare = bench_bare_run(FRAMES);
		periods[round] = bare.period_us;
		take_turns(rows, n, round);
	}
	bare.missed = bench_bare_run_overlays(
		VBLANKS, STAGE_CHILDREN, STAGE_CHILD_WIDTH, STAGE_CHILD_HEIGHT)
			      .missed;
	bare.period_us = bench_typical(periods, ROUNDS);
	print_table(rows, n, &bare);
	printf("\n");
	print_figures(rows, n, &bare);
	return 0;
}
