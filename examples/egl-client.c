/* SPDX-License-Identifier: MIT */

/*
 * A cube that turns, drawn by GLES into the buffers that are shown, with fences both ways, fullscreen:
 *
 *	egl-client [--frames N] [--angle DEGREES] [--copy] [--device NODE]
 *
 * --angle lets it stand still; --copy draws beside the buffers and copies, which is what happens by
 * itself where EGL cannot import them; --device names the node for timeline points, where EGL does
 * not. The first line says what was possible. No device node is needed: then Mesa's software
 * renderer draws, into memory that came over the socket.
 *
 * The order of things: what EGL can import becomes a constraint of the swapchain; and then for each
 * frame acquire, let the GPU wait for the display, draw, let the display wait for the GPU, submit.
 */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
/* the extensions of GLES 2 hold for 3, too */
#include <GLES2/gl2ext.h>

#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <waybuf/client.h>
#include <waybuf/egl.h>

#include "number.h"
#include "window.h"

#define MOST_BUFFERS 64
#define PATIENCE_MS 2000

struct app {
	uint32_t frames, angle;
	bool stands, copies;
	const char *device;

	struct waybuf_client *client;
	struct window window;
	struct waybuf_client_swapchain *chain;

	EGLDisplay display;
	EGLContext context;
	struct waybuf_egl *egl;
	GLuint program;
	/* one for each buffer, by its index */
	struct waybuf_egl_target targets[MOST_BUFFERS];
	/* where it is drawn if it is copied */
	GLuint renderbuffer, framebuffer;
};

/* ---- the picture --------------------------------------------------------------------------- */

/*
 * The corners are computed, so there are no vertex buffers. Rows of a buffer begin at the top, those
 * of GL at the bottom: hence the minus before y.
 */
static const char vertex_source[] =
	"#version 300 es\n"
	"uniform float angle, aspect;\n"
	"flat out vec3 colour;\n"
	"const vec3 normals[6] = vec3[6](vec3(0, 0, 1), vec3(0, 0, -1), vec3(1, 0, 0),\n"
	"	vec3(-1, 0, 0), vec3(0, 1, 0), vec3(0, -1, 0));\n"
	"const vec2 corners[6] = vec2[6](vec2(-1, -1), vec2(1, -1), vec2(1, 1), vec2(-1, -1),\n"
	"	vec2(1, 1), vec2(-1, 1));\n"
	"const vec3 colours[3] = vec3[3](\n"
	"	vec3(0.2, 0.6, 1.0), vec3(1.0, 0.6, 0.2), vec3(0.4, 0.8, 0.2));\n"
	"vec3 turn(vec3 v) {\n"
	"	float a = angle, b = 0.6 * angle;\n"
	"	v = vec3(cos(a) * v.x + sin(a) * v.z, v.y, cos(a) * v.z - sin(a) * v.x);\n"
	"	return vec3(v.x, cos(b) * v.y - sin(b) * v.z, sin(b) * v.y + cos(b) * v.z);\n"
	"}\n"
	"void main() {\n"
	"	int face = gl_VertexID / 6;\n"
	"	vec3 normal = normals[face], across = normal.yzx;\n"
	"	vec2 corner = corners[gl_VertexID % 6];\n"
	"	vec3 at = turn(normal + corner.x * across + corner.y * cross(normal, across));\n"
	"	colour = colours[face / 2] * (0.25 + 0.75 * max(turn(normal).z, 0.0));\n"
	"	gl_Position = vec4(2.4 * at.x / aspect, -2.4 * at.y, 0, 5.0 - at.z);\n"
	"}\n";

static const char fragment_source[] = "#version 300 es\n"
				      "precision mediump float;\n"
				      "flat in vec3 colour;\n"
				      "out vec4 pixel;\n"
				      "void main() { pixel = vec4(colour, 1); }\n";

static bool add_shader(GLuint program, GLenum kind, const char *source)
{
	char log[512] = "";
	GLint compiled;
	GLuint shader = glCreateShader(kind);
	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &compiled);
	glGetShaderInfoLog(shader, sizeof(log), NULL, log);
	glAttachShader(program, shader);
	glDeleteShader(shader);
	if (!compiled)
		fprintf(stderr, "egl-client: shader: %s\n", log);
	return compiled;
}

static bool make_program(struct app *app)
{
	GLint linked;
	app->program = glCreateProgram();
	if (!add_shader(app->program, GL_VERTEX_SHADER, vertex_source) ||
		!add_shader(app->program, GL_FRAGMENT_SHADER, fragment_source))
		return false;
	glLinkProgram(app->program);
	glGetProgramiv(app->program, GL_LINK_STATUS, &linked);
	return linked;
}

static void draw(const struct app *app, uint32_t width, uint32_t height, uint32_t frame)
{
	const float degrees = (float)(app->stands ? app->angle : frame * 3 / 2 % 1800);
	glViewport(0, 0, (GLsizei)width, (GLsizei)height);
	glClearColor(0x18 / 255.0F, 0x20 / 255.0F, 0x30 / 255.0F, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glUseProgram(app->program);
	glUniform1f(glGetUniformLocation(app->program, "angle"), degrees * 3.14159265F / 180);
	glUniform1f(glGetUniformLocation(app->program, "aspect"), (float)width / (float)height);
	/* A cube hides nothing but its own back, which spares it a depth buffer. */
	glEnable(GL_CULL_FACE);
	glFrontFace(GL_CW); /* in a mirror */
	glDrawArrays(GL_TRIANGLES, 0, 36);
}

/* ---- EGL ----------------------------------------------------------------------------------- */

static bool open_egl(struct app *app)
{
	static const EGLint attribs[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
	app->display =
		eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	if (app->display == EGL_NO_DISPLAY || !eglInitialize(app->display, NULL, NULL) ||
		!eglBindAPI(EGL_OPENGL_ES_API))
		return false;
	app->context = eglCreateContext(app->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attribs);
	return app->context != EGL_NO_CONTEXT &&
		eglMakeCurrent(app->display, EGL_NO_SURFACE, EGL_NO_SURFACE, app->context) &&
		waybuf_egl_create(app->display, &app->egl) == 0;
}

static void forget_targets(struct app *app)
{
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		waybuf_egl_target_finish(app->egl, &app->targets[i]);
}

static void close_egl(struct app *app)
{
	if (app->egl) {
		forget_targets(app);
		glDeleteFramebuffers(1, &app->framebuffer);
		glDeleteRenderbuffers(1, &app->renderbuffer);
		glDeleteProgram(app->program);
	}
	waybuf_egl_destroy(app->egl);
	eglMakeCurrent(app->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	if (app->context != EGL_NO_CONTEXT)
		eglDestroyContext(app->display, app->context);
	eglTerminate(app->display);
	eglReleaseThread();
}

/* ---- straight into the buffer -------------------------------------------------------------- */

/* NULL: EGL or GL does not take it. */
static struct waybuf_egl_target *get_target(
	struct app *app, const struct waybuf_client_buffer *buffer)
{
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	struct waybuf_egl_target *target = &app->targets[waybuf_client_buffer_get_index(buffer)];
	if (target->image && target->generation == layout->generation)
		return target;
	/* the memory is another one */
	waybuf_egl_target_finish(app->egl, target);
	int ret = waybuf_egl_target_init(app->egl, layout, WAYBUF_ACCESS_RENDER, NULL, target);
	return ret == 0 ? target : NULL;
}

/* What becomes of a frame. */
enum outcome {
	SHOWN,
	/* the display does not take this buffer: another one may do */
	REFUSED,
	/* the renderer does not */
	NO_TARGET,
	FAILED,
};

/* Takes @fence, and sets it to that of the work. */
static enum outcome draw_into(
	struct app *app, struct waybuf_client_buffer *buffer, uint32_t frame, int *fence)
{
	struct waybuf_egl_target *target = get_target(app, buffer);
	if (!target) {
		if (*fence >= 0)
			close(*fence);
		return NO_TARGET;
	}
	/* The display may still read the buffer. */
	int ret = waybuf_egl_fence_import(app->egl, *fence, PATIENCE_MS);
	if (ret == 0) {
		glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
		draw(app, target->width, target->height, frame);
		ret = waybuf_egl_fence_export(app->egl, PATIENCE_MS, fence);
	}
	if (ret < 0)
		fprintf(stderr, "egl-client: %s\n", waybuf_egl_error(app->egl));
	return ret == 0 ? SHOWN : FAILED;
}

/* ---- beside it, and copied ------------------------------------------------------------------ */

static void make_framebuffer(struct app *app, uint32_t width, uint32_t height)
{
	glGenRenderbuffers(1, &app->renderbuffer);
	glBindRenderbuffer(GL_RENDERBUFFER, app->renderbuffer);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, (GLsizei)width, (GLsizei)height);
	glGenFramebuffers(1, &app->framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, app->framebuffer);
	glFramebufferRenderbuffer(
		GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, app->renderbuffer);
}

/* The CPU takes the place of both fences: begin_cpu waits for the one, and glReadPixels for the other. */
static enum outcome draw_and_copy(
	struct app *app, struct waybuf_client_buffer *buffer, uint32_t frame, int *fence)
{
	struct waybuf_client_image image;
	if (*fence >= 0)
		close(*fence);
	*fence = -1;
	if (waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image) < 0)
		return FAILED;
	if (!app->framebuffer)
		make_framebuffer(app, image.width, image.height);
	draw(app, image.width, image.height, frame);
	glPixelStorei(GL_PACK_ROW_LENGTH, (GLint)image.planes[0].stride / 4);
	/* GL_EXT_read_format_bgra */
	glReadPixels(0, 0, (GLsizei)image.width, (GLsizei)image.height, GL_BGRA_EXT,
		GL_UNSIGNED_BYTE, image.planes[0].data);
	bool read = glGetError() == GL_NO_ERROR;
	bool written = waybuf_client_buffer_end_cpu(buffer) == 0;
	if (!read)
		fprintf(stderr, "egl-client: GL cannot read pixels as DRM_FORMAT_XRGB8888\n");
	return read && written ? SHOWN : FAILED;
}

/* ---- the swapchain ------------------------------------------------------------------------- */

/* An fd that may be -1: a device for timeline points. */
static int open_device(const struct app *app)
{
	const char *path = app->device ? app->device : waybuf_egl_get_node(app->egl);
	return path ? open(path, O_RDWR | O_CLOEXEC) : -1;
}

/* A negative errno: no display and renderer agree on a buffer, or something worse. */
static int open_chain(struct app *app)
{
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	struct waybuf_constraints *constraints = NULL;
	if (!app->copies) {
		int ret = waybuf_egl_constraints(
			app->egl, WAYBUF_ACCESS_RENDER, &format, 1, &constraints);
		if (ret < 0)
			return ret;
	}
	struct waybuf_client_swapchain_options options = {
		.pool =
			{
				.width = app->window.width ? (uint32_t)app->window.width : 640,
				.height = app->window.height ? (uint32_t)app->window.height : 480,
				.name = "egl-client",
				.constraints = constraints, /* NULL: the CPU writes XRGB8888 */
			},
		.surface = app->window.surface,
		.drm_fd = open_device(app),
	};
	int ret = waybuf_client_swapchain_create(app->client, &options, &app->chain);
	if (options.drm_fd >= 0)
		close(options.drm_fd);
	waybuf_constraints_unref(constraints);
	return ret;
}

static void close_chain(struct app *app)
{
	forget_targets(app);
	waybuf_client_swapchain_destroy(app->chain);
	app->chain = NULL;
}

static bool use_copies(struct app *app, const char *why)
{
	fprintf(stderr, "egl-client: the buffers cannot be drawn into: %s\n", why);
	close_chain(app);
	app->copies = true;
	return open_chain(app) == 0;
}

static bool start_chain(struct app *app)
{
	if (open_chain(app) == 0)
		return true;
	const char *why = waybuf_egl_error(app->egl);
	return !app->copies && use_copies(app, *why ? why : waybuf_client_error(app->client));
}

/* ---- frames -------------------------------------------------------------------------------- */

static void print_path(struct app *app, struct waybuf_client_buffer *buffer)
{
	static const char *const ways[] = {
		"on the dma-bufs", "as files through the allocator", "as timeline points"};
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	bool files = waybuf_egl_get_features(app->egl) & WAYBUF_EGL_SYNC_FILES && !app->copies;
	printf("%u x %u pixels in memory of %s, by way of %s\n", layout->width, layout->height,
		layout->exporter,
		waybuf_client_path_name(
			waybuf_client_pool_get_path(waybuf_client_swapchain_get_pool(app->chain))));
	printf("%s by %s\n", app->copies ? "copied to after they were drawn" : "drawn to",
		(const char *)glGetString(GL_RENDERER));
	printf("fences: %s, %s\n", files ? "sync_files of EGL" : "the program waits",
		ways[waybuf_client_swapchain_get_fences(app->chain)]);
	fflush(stdout);
}

static enum outcome try_frame(struct app *app, uint32_t frame)
{
	struct waybuf_client_buffer *buffer;
	int fence;
	if (waybuf_client_swapchain_acquire(app->chain, PATIENCE_MS, &buffer, &fence) < 0)
		return FAILED;
	enum outcome outcome = app->copies ? draw_and_copy(app, buffer, frame, &fence)
					   : draw_into(app, buffer, frame, &fence);
	if (outcome == SHOWN) {
		if (frame == 0)
			print_path(app, buffer);
		/* Goes with the commit that submit makes. */
		window_request_frame(&app->window);
		int ret = waybuf_client_swapchain_submit(app->chain, buffer, fence);
		outcome = ret == 0 ? SHOWN : ret == -EOPNOTSUPP ? REFUSED : FAILED;
	}
	if (outcome != SHOWN)
		waybuf_client_buffer_release(buffer);
	return outcome;
}

/* The path may end only with the first buffers: what was chosen holds for all that follow. */
static bool show_frame(struct app *app, uint32_t frame)
{
	enum outcome outcome = REFUSED;
	for (int tries = 0; tries < 4 && outcome != SHOWN && outcome != FAILED; tries++) {
		outcome = try_frame(app, frame);
		if (outcome == NO_TARGET && !use_copies(app, waybuf_egl_error(app->egl)))
			outcome = FAILED;
	}
	return outcome == SHOWN;
}

static bool run(struct app *app)
{
	for (uint32_t frame = 0; app->frames == 0 || frame < app->frames; frame++) {
		if (!show_frame(app, frame))
			return false;
		/* The compositor sets the pace. */
		while (!window_is_ready(&app->window)) {
			if (app->window.closed || window_interrupted())
				return true;
			if (waybuf_client_dispatch(app->client, 1000) < 0)
				return false;
		}
	}
	return true;
}

static bool run_client(struct app *app)
{
	struct wl_display *display = waybuf_client_get_display(app->client);
	if (!window_init(&app->window, display, "egl-client"))
		return false;
	bool ok = make_program(app) && start_chain(app) && run(app);
	const char *why = waybuf_client_error(app->client);
	/* "": something else has failed, and has said so */
	if (!ok && *why)
		fprintf(stderr, "egl-client: %s\n", why);
	/* The surface first: it shows buffers of the chain, which has an object on it, too. */
	if (app->chain)
		close_chain(app);
	window_finish(&app->window);
	return ok;
}

/* ---- the program --------------------------------------------------------------------------- */

static int usage(void)
{
	fprintf(stderr,
		"usage: egl-client [--frames N] [--angle DEGREES] [--copy] [--device NODE]\n");
	return 2;
}

static bool parse_options(struct app *app, int argc, char **argv)
{
	static const struct option options[] = {{"frames", required_argument, NULL, 'n'},
		{"angle", required_argument, NULL, 'a'}, {"copy", no_argument, NULL, 'c'},
		{"device", required_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};
	int option;
	while ((option = getopt_long(argc, argv, "n:a:cd:", options, NULL)) != -1) {
		if (option == 'c')
			app->copies = true;
		else if (option == 'd')
			app->device = optarg;
		else if (option == 'a')
			app->stands = true;
		if (option == '?' || (option == 'a' && !parse_number(optarg, 10, &app->angle)) ||
			(option == 'n' && !parse_number(optarg, 10, &app->frames)))
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct app app = {0};
	if (!parse_options(&app, argc, argv))
		return usage();
	window_catch_signals();
	if (waybuf_client_connect(NULL, &app.client) < 0) {
		fprintf(stderr, "egl-client: %s\n", waybuf_client_error(NULL));
		return 1;
	}
	bool ok = open_egl(&app);
	if (!ok)
		fprintf(stderr, "egl-client: no EGL with GLES 3 and without a surface\n");
	ok = ok && run_client(&app);
	close_egl(&app);
	waybuf_client_destroy(app.client);
	return ok ? 0 : 1;
}
