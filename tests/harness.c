/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <dirent.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_LSAN 1
#endif
#endif
#ifdef HAVE_LSAN
int __lsan_do_recoverable_leak_check(void);
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

/*
 * LeakSanitizer asks. In the guest a process that looks at all of its memory is as long about it as
 * it was about its test, and what a client leaks that is nothing but test is nobody's loss. The
 * programs that it runs check themselves.
 */
int __lsan_is_turned_off(void)
{
	const char *leaks = getenv("WAYBUF_TEST_LEAKS");
	return leaks && strcmp(leaks, "may-be") == 0;
}
#endif

/*
 * A test that runs to its end exits with EXIT_FINISHED, because libcheck takes an exit(0) in the
 * middle of one for a success.
 */
enum { MAX_TESTS = 256, EXIT_FINISHED = 42 };

/* libcheck knows no skips, so a skip is a failure whose message begins with this. */
#define SKIP_MARK "skip: "

/* Each test is one libcheck case, and one turn of a loop test over the index in this table. */
static struct {
	const char *name;
	harness_func_t func;
} tests[MAX_TESTS];
static int n_tests;
static double timeout = 20;

void harness_register(const char *name, harness_func_t func)
{
	assert(n_tests < MAX_TESTS);
	tests[n_tests].name = name;
	tests[n_tests++].func = func;
}

void harness_set_timeout(double seconds)
{
	timeout = seconds;
}

int harness_count_fds(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3;
}

static void print_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		char path[64], target[256];
		snprintf(path, sizeof(path), "/proc/self/fd/%.20s", entry->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n > 0)
			fprintf(stderr, "# fd %s: %.*s\n", entry->d_name, (int)n, target);
	}
	if (dir)
		closedir(dir);
}

void harness_skip(const char *format, ...)
{
	char reason[256];
	va_list args;
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	ck_abort_msg(SKIP_MARK "%s", reason);
	abort(); /* not reached: libcheck does not say noreturn in all its versions */
}

uint64_t harness_seed(void)
{
	const char *given = getenv("WAYBUF_TEST_SEED");
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t seed = given ? strtoull(given, NULL, 0)
			      : (uint64_t)now.tv_sec * 1000003 ^ (uint64_t)now.tv_nsec;
	if (seed == 0)
		seed = 1;
	printf("# WAYBUF_TEST_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

uint64_t harness_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545F4914F6CDD1DULL;
}

int harness_tries(int n)
{
	return getenv("WAYBUF_TEST_SHORT") ? (n + 4) / 5 : n;
}

/* Everything in one stack frame that is gone by the leak check, so that no stale pointer hides a leak. */
static __attribute__((noinline)) void run_body(int index)
{
	tests[index].func();
}

START_TEST(run_one)
{
	int before = harness_count_fds();
	run_body(_i);
	int after = harness_count_fds();
	if (after != before)
		print_open_fds();
	ck_assert_msg(after == before, "%d fds open before the test, %d after", before, after);
#ifdef HAVE_LSAN
	ck_assert_msg(!__lsan_do_recoverable_leak_check(), "memory leaked");
#endif
	fflush(NULL);
	_exit(EXIT_FINISHED);
}
END_TEST

static TCase *make_case(Suite *suite, int index)
{
	TCase *tcase = tcase_create(tests[index].name);
	tcase_set_timeout(tcase, timeout);
	tcase_add_loop_exit_test(tcase, run_one, EXIT_FINISHED, index, index + 1);
	suite_add_tcase(suite, tcase);
	return tcase;
}

enum result { PASSED, FAILED, SKIPPED };

static enum result classify(TestResult *result)
{
	if (tr_rtype(result) == CK_PASS)
		return PASSED;
	if (strncmp(tr_msg(result), SKIP_MARK, strlen(SKIP_MARK)) == 0)
		return SKIPPED;
	return FAILED;
}

static bool print_result(int number, TestResult *result)
{
	enum result kind = classify(result);
	printf("%s %d - %s", kind == FAILED ? "not ok" : "ok", number, tr_tcname(result));
	if (kind == SKIPPED)
		printf(" # SKIP %s", tr_msg(result) + strlen(SKIP_MARK));
	puts("");
	if (kind == FAILED)
		printf("# %s:%d: %s\n", tr_lfile(result), tr_lno(result), tr_msg(result));
	return kind != FAILED;
}

int harness_main(const char *name)
{
	Suite *suite = suite_create(name);
	const char *only = getenv("WAYBUF_TEST_ONLY");
	int selected = 0;
	for (int i = 0; i < n_tests; i++) {
		if (only && strcmp(only, tests[i].name) != 0)
			continue;
		make_case(suite, i);
		selected++;
	}
	printf("1..%d\n", selected);
	fflush(stdout);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_SILENT);
	TestResult **results = srunner_results(runner);
	bool ok = selected > 0;
	for (int i = 0; i < srunner_ntests_run(runner); i++)
		ok &= print_result(i + 1, results[i]);
	free(results);
	srunner_free(runner);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
