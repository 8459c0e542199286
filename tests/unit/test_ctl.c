/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <json-c/json.h>
#include <png.h>

#include "ctl.h"
#include "harness.h"

/* What main.c does for the program. */
static char said[512];

void ctl_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
}

/* ---- print --------------------------------------------------------------------------------- */

static char *print(const char *json)
{
	struct json_object *document = json_tokener_parse(json);
	ck_assert_msg(document, "%s", json);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	ctl_print_info(document, out);
	fclose(out);
	json_object_put(document);
	return text;
}

static void check_print(const char *json, const char *expected)
{
	char *text = print(json);
	ck_assert_str_eq(text, expected);
	free(text);
}

TEST(exporters)
{
	check_print("{\"version\":\"1\",\"source\":\"here\",\"note\":\"why\",\"objects\":["
		    "{\"type\":\"exporter\",\"name\":\"memfd\",\"works\":true,\"dmabuf\":false,"
		    "\"cpu\":true,\"cache\":\"cached\",\"cost\":0},"
		    "{\"type\":\"exporter\",\"name\":\"heap cma\",\"works\":true,\"dmabuf\":true,"
		    "\"contiguous\":true,\"cpu\":false,\"cost\":30},"
		    "{\"type\":\"exporter\",\"name\":\"gbm\",\"works\":false,\"why\":\"no GPU\"}]}",
		"waybuf 1, as seen by here\n"
		"(why)\n"
		"\n"
		"exporters\n"
		"  memfd        shared memory, CPU caching cached, cost 0\n"
		"  heap cma     dma-buf, contiguous, not for the CPU, cost 30\n"
		"  gbm          not here: no GPU\n"
		"\n"
		"no display controller: the server runs without one\n");
}

TEST(nothing_local)
{
	check_print("{\"version\":\"1\",\"source\":\"this machine\",\"local\":true,\"objects\":[]}",
		"waybuf 1, as seen by this machine\n"
		"\n"
		"exporters\n"
		"\n"
		"no display controller: /dev/dri has no node that can be opened\n");
}

#define PLANE(id, kind) \
	"{\"id\":" id ",\"kind\":\"" kind "\",\"crtcs\":[0],\"props\":[\"zpos\"]," \
	"\"formats\":[{\"modifiers\":[\"LINEAR\"],\"formats\":[\"XR24\",\"NV12\"]}]}"

TEST(device)
{
	check_print(
		"{\"version\":\"1\",\"source\":\"here\",\"objects\":[{\"type\":\"device\","
		"\"path\":\"/dev/dri/card0\",\"driver\":\"vkms\",\"version\":\"1.0.0\","
		"\"caps\":[\"atomic\"],\"min_size\":[1,2],\"max_size\":[3,4],"
		"\"cursor\":[64,64],\"connectors\":[{\"name\":\"Virtual-1\","
		"\"connected\":true,\"crtcs\":[0],\"modes\":[{\"width\":1024,\"height\":768,"
		"\"refresh_mhz\":60004}]},{\"name\":\"HDMI-A-1\",\"connected\":false,\"crtcs\":[0]},"
		"{\"name\":\"HDMI-A-2\",\"crtcs\":[0]}],\"planes\":[" PLANE("31",
			"primary") "," PLANE("40", "overlay") "," PLANE("41", "overlay") "]}]}",
		"waybuf 1, as seen by here\n"
		"\n"
		"exporters\n"
		"\n"
		"device /dev/dri/card0: vkms 1.0.0\n"
		"  caps         atomic\n"
		"  size         from 1x2 to 3x4 cursor 64x64\n"
		"  connector    Virtual-1 connected, 1024x768 at 60.00 Hz, 1 modes, crtc 0\n"
		"  connector    HDMI-A-1 empty, crtc 0\n"
		"  connector    HDMI-A-2 not probed yet, crtc 0\n"
		"  plane        primary, id 31 on crtc 0 with zpos\n"
		"               LINEAR with XR24 NV12\n"
		"  plane        overlay, id 40 41 on crtc 0 with zpos\n"
		"               LINEAR with XR24 NV12\n");
}

TEST(groups)
{
	check_print("{\"version\":\"1\",\"source\":\"here\",\"objects\":["
		    "{\"type\":\"device\",\"path\":\"/dev/x\",\"why\":\"busy\"},"
		    "{\"type\":\"group\",\"name\":\"user 1000\",\"clients\":3,"
		    "\"used\":{\"kib\":8,\"buffers\":2,\"maps\":0},"
		    "\"limit\":{\"kib\":64,\"buffers\":32,\"maps\":9}}]}",
		"waybuf 1, as seen by here\n"
		"\n"
		"exporters\n"
		"\n"
		"device /dev/x: busy\n"
		"\n"
		"group user 1000\n"
		"  clients      3\n"
		"  kib          8 of 64\n"
		"  buffers      2 of 32\n");
}

/* ---- top and explain ----------------------------------------------------------------------- */

#define CLIENT(id, name, kib, age) \
	"{\"type\":\"client\",\"id\":" id ",\"name\":\"" name "\",\"age_ms\":" age \
	",\"used\":{\"kib\":" kib ",\"buffers\":2,\"fds\":3,\"attachments\":4}},"
#define BUFFER(pool, index, more) \
	"{\"type\":\"buffer\",\"pool\":" pool ",\"index\":" index ",\"state\":\"backed\"" more "}"

static const char top_report[] = "{\"objects\":[" CLIENT("1", "paint[7]", "2048", "61000") CLIENT(
	"2", "a\\u001b[8]", "9216",
	"7200000") "{\"type\":\"brought\",\"client\":2,\"wl_buffer\":4278190080,\"width\":10,\"height\":20,"
		   "\"format\":\"NV\\u001b2\",\"generation\":1,\"state\":\"backed\",\"readers\":1},"
		   "{\"type\":\"pool\",\"pool\":3,\"client\":1,\"width\":640,\"height\":480}," BUFFER(
			   "3", "0",
			   ",\"bytes\":1048576,\"generation\":2,\"exporter\":\"udmabuf\",\"format\":\"XR24\","
			   "\"shown\":1,\"fences\":2") "," BUFFER("3", "1",
			   ",\"bytes\":1048576,\"generation\":1,\"exporter\":\"memfd\",\"format\":\"XR24\","
			   "\"writers\":1") ","
					    "{\"type\":\"pool\",\"pool\":4,\"width\":1,\"height\":1},"
					    "{\"type\":\"buffer\",\"pool\":4,\"index\":0,\"state\":\"declared\"}]}";

static void check_top(const struct ctl_top_options *options, const char *expected)
{
	struct json_object *document = json_tokener_parse(top_report);
	ck_assert_ptr_nonnull(document);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	ctl_print_top(document, options, out);
	fclose(out);
	json_object_put(document);
	ck_assert_str_eq(text, expected);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_uint_le(strlen(line), 80);
	free(text);
}

TEST(top_by_client)
{
	check_top(&(struct ctl_top_options){0},
		"2 clients, 11.0 MiB in 4 buffers, 6 fds; by memory\n"
		"\n"
		"CLIENT                    MEMORY BUFS FDS ATT SHOWN FENCES GEN FROM         TIME\n"
		"a?[8]                    9.0 MiB    2   3   4     0      0   1 brought       2 h\n"
		"paint[7]                 2.0 MiB    2   3   4     1      2   2 udmabuf+     61 s\n");
	check_top(&(struct ctl_top_options){.sort = "shown"},
		"2 clients, 11.0 MiB in 4 buffers, 6 fds; by shown\n"
		"\n"
		"CLIENT                    MEMORY BUFS FDS ATT SHOWN FENCES GEN FROM         TIME\n"
		"paint[7]                 2.0 MiB    2   3   4     1      2   2 udmabuf+     61 s\n"
		"a?[8]                    9.0 MiB    2   3   4     0      0   1 brought       2 h\n");
}

TEST(top_by_buffer)
{
	check_top(&(struct ctl_top_options){.buffers = true, .sort = "name"},
		"2 clients, 11.0 MiB in 4 buffers, 6 fds; by name\n"
		"\n"
		"BUFFER     CLIENT               IMAGE            MEMORY FROM        GEN STATE\n"
		"4.0                             1x1                   - -             0 declared\n"
		"4278190080 a?[8]                10x20 NV?2            - brought       1 read\n"
		"3.0        paint[7]             640x480 XR24    1.0 MiB udmabuf       2 shown\n"
		"3.1        paint[7]             640x480 XR24    1.0 MiB memfd         1 written\n");
}

TEST(top_has_columns)
{
	ck_assert(ctl_top_has_column("memory"));
	ck_assert(ctl_top_has_column("time"));
	ck_assert(!ctl_top_has_column("mem"));
	ck_assert(!ctl_top_has_column(""));
}

static const char explain_report[] =
	"{\"objects\":[{\"type\":\"pool\",\"pool\":3,\"name\":\"p\",\"count\":2,\"width\":8,"
	"\"height\":9,\"members\":1}," BUFFER("3", "0",
		",\"bytes\":4096,\"generation\":1,\"exporter\":\"memfd\",\"format\":\"XR24\","
		"\"modifier\":\"LINEAR\",\"shown\":1,\"fences\":3") ","
								    "{\"type\":\"buffer\",\"pool\":3,\"index\":1,\"state\":\"declared\"},"
								    "{\"type\":\"attachment\",\"who\":\"cpu#1\",\"client\":\"paint[7]\",\"device\":\"gpu\","
								    "\"asks\":[\"must access read\"],\"needs\":[\"must dma-buf 1\"]},"
								    "{\"type\":\"choice\",\"reason\":\"none\",\"text\":[\"chosen: memfd and a long tail of words so "
								    "that this line has to be broken somewhere before the end\"]}]}";

static char *explain(int64_t index)
{
	struct json_object *document = json_tokener_parse(explain_report);
	ck_assert_ptr_nonnull(document);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool found = ctl_print_explain(document, index, out);
	fclose(out);
	json_object_put(document);
	if (found)
		return text;
	free(text);
	return NULL;
}

TEST(explain_for_people)
{
	char *text = explain(-1);
	ck_assert_str_eq(text,
		"pool 3 \"p\": 2 images of 8x9, 1 member\n"
		"  buffer 3.0: XR24 LINEAR, 4 KiB of memfd, generation 1, backed, shown, 3 fences pending\n"
		"  buffer 3.1: declared, no memory\n"
		"  cpu#1 of paint[7] with device gpu asks for\n"
		"    must access read\n"
		"    and its device\n"
		"    must dma-buf 1\n"
		"  therefore\n"
		"    chosen: memfd and a long tail of words so that this line has to be broken\n"
		"      somewhere before the end\n");
	free(text);
	text = explain(1);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_null(strstr(text, "buffer 3.0"));
	ck_assert_ptr_nonnull(strstr(text, "buffer 3.1"));
	free(text);
	ck_assert_ptr_null(explain(2));
}

TEST(explain_takes_a_pool_or_a_buffer)
{
	static const char *const wrong[] = {
		"", "x", "3.", "3.x", "-1", "3.1.1", "3.-1", "99999999999"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(ctl_explain("nowhere", wrong[i], false), CTL_USAGE);
		ck_assert_ptr_nonnull(strstr(said, "neither a pool"));
	}
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	ck_assert_int_eq(ctl_explain("nowhere", "3.1", false), CTL_NO_SERVER);
}

TEST(what_is_not_known)
{
	check_print("{\"version\":\"1\",\"source\":\"here\",\"objects\":[{\"type\":\"device\","
		    "\"path\":\"/dev/x\",\"why\":\"busy\"},{\"type\":\"gadget\",\"colour\":\"red\","
		    "\"sizes\":[1,2],\"inner\":{\"a\":true}}]}",
		"waybuf 1, as seen by here\n"
		"\n"
		"exporters\n"
		"\n"
		"device /dev/x: busy\n"
		"\n"
		"gadget\n"
		"  colour       red\n"
		"  sizes        1 2\n"
		"  inner        { \"a\": true }\n");
}

/* A document of another version, or a broken one: anything but a crash. */
TEST(strange_documents)
{
	static const char *const documents[] = {
		"{}",
		"[]",
		"{\"objects\":7}",
		"{\"objects\":[7,null,[],{}]}",
		"{\"objects\":[{\"type\":7}]}",
		"{\"objects\":[{\"type\":\"group\"}]}",
		"{\"objects\":[{\"type\":\"group\",\"used\":{\"a\":{}},\"limit\":3}]}",
		"{\"objects\":[{\"type\":\"device\",\"planes\":{},\"connectors\":[1,{}]}]}",
		"{\"objects\":[{\"type\":\"device\",\"caps\":[null,{}]}]}",
		"{\"objects\":[{\"type\":\"device\",\"planes\":[1,{\"formats\":[3,{}]}]}]}",
		"{\"objects\":[{\"type\":\"exporter\",\"works\":\"yes\",\"cost\":-1}]}",
		"{\"objects\":[{\"type\":\"gadget\",\"a\":null,\"b\":[null,[],{}],\"c\":{}}]}",
	};
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		char *text = print(documents[i]);
		ck_assert_ptr_nonnull(strstr(text, "waybuf ?"));
		free(text);
	}
}

TEST(no_control_characters)
{
	char *text = print("{\"source\":\"a\\u001b[2Jb\",\"objects\":[{\"type\":\"x\\u0007\","
			   "\"k\":\"\\u001b]0;c\\u007f\"}]}");
	for (const char *c = text; *c; c++)
		ck_assert_msg(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f), "%d", *c);
	free(text);
}

TEST(eighty_columns)
{
	char json[8192] = "{\"version\":\"1\",\"source\":\"here\",\"objects\":[{\"type\":"
			  "\"device\",\"path\":\"/dev/x\",\"driver\":\"d\",\"caps\":[";
	for (int i = 0; i < 200; i++) {
		size_t length = strlen(json);
		snprintf(json + length, sizeof(json) - length, "%s\"word%d\"", i ? "," : "", i);
	}
	strcat(json, "]}]}");
	char *text = print(json);
	int words = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_uint_le(strlen(line), 80);
		for (char *word = line; (word = strstr(word, "word")); word++)
			words++;
	}
	ck_assert_int_eq(words, 200);
	free(text);
}

/* ---- images -------------------------------------------------------------------------------- */

static char folder[] = "/tmp/waybuf-ctl-XXXXXX";
static char path[64];

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/x.png", folder);
}

/* Fails if anything but @expected files is left in it. */
static void remove_folder(bool file)
{
	ck_assert_int_eq(unlink(path), file ? 0 : -1);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void check_colours(uint32_t format, const uint32_t pixels[4])
{
	struct ctl_image_file file;
	ck_assert(ctl_image_supports(format));
	ck_assert_int_eq(ctl_image_open(&file, path), CTL_OK);
	/* Two by two, with a stride of one and a half rows. */
	uint32_t padded[6] = {pixels[0], pixels[1], 0, pixels[2], pixels[3], 0};
	ck_assert_int_eq(ctl_image_finish(&file, padded, 2, 2, 12, format), CTL_OK);

	png_image image = {.version = PNG_IMAGE_VERSION};
	ck_assert(png_image_begin_read_from_file(&image, path));
	ck_assert_uint_eq(image.width, 2);
	ck_assert_uint_eq(image.height, 2);
	image.format = PNG_FORMAT_RGB;
	uint8_t rgb[12];
	ck_assert(png_image_finish_read(&image, NULL, rgb, 0, NULL));
	static const uint8_t expected[12] = {0xff, 0, 0, 0, 0xff, 0, 0, 0, 0xff, 0x12, 0x34, 0x56};
	ck_assert_mem_eq(rgb, expected, sizeof(rgb));
}

TEST(colours)
{
	make_folder();
	static const uint32_t bgr[] = {0xffff0000, 0x0000ff00, 0x800000ff, 0xff123456};
	static const uint32_t rgb[] = {0xff0000ff, 0x0000ff00, 0x80ff0000, 0xff563412};
	check_colours(DRM_FORMAT_XRGB8888, bgr);
	check_colours(DRM_FORMAT_ARGB8888, bgr);
	check_colours(DRM_FORMAT_XBGR8888, rgb);
	check_colours(DRM_FORMAT_ABGR8888, rgb);
	ck_assert(!ctl_image_supports(DRM_FORMAT_NV12));
	remove_folder(true);
}

TEST(file_like_any_other)
{
	make_folder();
	umask(022);
	struct ctl_image_file file;
	static const uint32_t pixel = 0;
	ck_assert_int_eq(ctl_image_open(&file, path), CTL_OK);
	ck_assert_int_eq(ctl_image_finish(&file, &pixel, 1, 1, 4, DRM_FORMAT_XRGB8888), CTL_OK);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	remove_folder(true);
}

TEST(nothing_without_a_picture)
{
	make_folder();
	struct ctl_image_file file;
	ck_assert_int_eq(ctl_image_open(&file, path), CTL_OK);
	ck_assert_int_eq(ctl_image_finish(&file, NULL, 0, 0, 0, 0), CTL_OK);
	remove_folder(false);
}

TEST(unwritable)
{
	struct ctl_image_file file;
	ck_assert_int_eq(ctl_image_open(&file, "/nonexistent/x.png"), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(said, "/nonexistent/x.png cannot be written"));
	ck_assert_int_eq(ctl_image_open(&file, "/tmp"), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(said, "no regular file"));
	ck_assert_int_eq(ctl_image_open(&file, "/dev/null"), CTL_FAILED);
}

TEST(disk_full)
{
	if (access("/dev/full", W_OK) < 0)
		SKIP("no /dev/full");
	struct ctl_image_file file = {.path = "full", .stream = fopen("/dev/full", "wb")};
	static const uint32_t pixel = 0;
	FILE *stream = file.stream;
	ck_assert_int_eq(ctl_image_finish(&file, &pixel, 1, 1, 4, DRM_FORMAT_XRGB8888), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(said, strerror(ENOSPC)));
	/* As with stdout, the stream is its owner's. */
	fclose(stream);
}

/* ---- collect ------------------------------------------------------------------------------- */

TEST(without_a_server)
{
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	unsetenv("WAYLAND_DISPLAY");
	unsetenv("WAYBUF_EXPORTERS");
	struct json_object *document = NULL;
	struct ctl_info_options options = {0};
	ck_assert_int_eq(ctl_collect_info(&options, &document), CTL_OK);
	struct json_object *note = json_object_object_get(document, "note");
	ck_assert_ptr_nonnull(strstr(json_object_get_string(note), "no server at wayland-0"));
	/* Each kind of exporter is there, works or says why not. */
	const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
	static const char *const names[] = {"memfd", "udmabuf", "heap", "dumb", "gbm"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(strstr(text, names[i]), "%s", names[i]);
	ck_assert_ptr_nonnull(strstr(text, "\"name\":\"memfd\",\"works\":true"));
	json_object_put(document);

	/* Whoever names a server wants that one. */
	options.display = "nobody";
	ck_assert_int_eq(ctl_collect_info(&options, &document), CTL_NO_SERVER);
	ck_assert_ptr_nonnull(strstr(said, "no server at nobody"));
}

TEST(exporters_left_out)
{
	setenv("WAYBUF_EXPORTERS", "udmabuf", 1);
	struct json_object *document = NULL;
	struct ctl_info_options options = {.local = true};
	ck_assert_int_eq(ctl_collect_info(&options, &document), CTL_OK);
	const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
	ck_assert_ptr_nonnull(strstr(text,
		"\"name\":\"memfd\",\"works\":false,"
		"\"why\":\"left out by WAYBUF_EXPORTERS\""));
	json_object_put(document);

	setenv("WAYBUF_EXPORTERS", "nonsense", 1);
	ck_assert_int_eq(ctl_collect_info(&options, &document), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(said, "WAYBUF_EXPORTERS"));
}

TEST_MAIN("ctl")
