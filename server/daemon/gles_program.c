/* SPDX-License-Identifier: MIT */
#include "gles_priv.h"

#include <drm_fourcc.h>
#include <string.h>

#include "core/format.h"
#include "gpu/extension.h"
#include "util/log.h"
#include "yuv.h"

/*
 * Colours are counted in codes from 0 to 255, as pixman has them, and rounded where it rounds: those
 * of more bits at once, as draw.c does it. All products of codes and weights are below 2^24, so that
 * floats hold them exactly.
 */

static const char vertex_source[] =
	"#version 300 es\n"
	"uniform vec2 size;\n"
	"in vec2 place;\n"
	"void main()\n"
	"{\n"
	"	gl_Position = vec4(place * 2.0 / size - 1.0, 0.0, 1.0);\n"
	"}\n";

/*
 * along and base: steps in 1/65536 of a texel, for each pixel from origin on. source: the first and
 * the last texels that may be read. first: the texel that the texture begins with.
 */
static const char head_source[] = "precision highp float;\n"
				  "precision highp int;\n"
				  "precision highp sampler2D;\n"
				  "uniform ivec2 origin, base, first;\n"
				  "uniform ivec4 along, source;\n"
				  "uniform bool is_565, straight;\n"
				  "uniform float opaque, mask;\n"
				  "out vec4 color;\n";

static const char rgb_source[] = "uniform sampler2D texture0;\n";
static const char external_source[] = "uniform highp samplerExternalOES texture0;\n";

/* pixman widens 5 and 6 bits by repeating the upper ones, which is not always the nearest code. */
static const char whole_source[] =
	"vec4 fetch(ivec2 at)\n"
	"{\n"
	"	vec4 texel = texelFetch(texture0, at - first, 0);\n"
	"	vec4 c = floor(texel * 255.0 + 0.5);\n"
	"	if (is_565) {\n"
	"		vec3 few = floor(texel.rgb * vec3(31.0, 63.0, 31.0) + 0.5);\n"
	"		c.rgb = few * vec3(8.0, 4.0, 8.0) + floor(few * vec3(0.25, 0.0625, 0.25));\n"
	"	}\n"
	"	return vec4(c.rgb, max(c.a, opaque));\n"
	"}\n";

/* As yuv.c does it, with the same integers. */
static const char yuv_source[] =
	"uniform int most, shift, code_mask;\n"
	"uniform bool swapped;\n"
	"uniform ivec2 subsampling;\n"
	"uniform int matrix[7];\n"
	"int code(float value)\n"
	"{\n"
	"	return int(value * float(most) + 0.5) >> shift & code_mask;\n"
	"}\n"
	"float clamped(int value)\n"
	"{\n"
	"	return float(clamp((value + (1 << 19)) >> 20, 0, 255));\n"
	"}\n"
	"vec4 convert(float luma, float second, float third)\n"
	"{\n"
	"	int y = (code(luma) - matrix[0]) * matrix[2];\n"
	"	int u = code(swapped ? third : second) - matrix[1];\n"
	"	int v = code(swapped ? second : third) - matrix[1];\n"
	"	return vec4(clamped(y + matrix[3] * v),\n"
	"		clamped(y - matrix[4] * u - matrix[5] * v),\n"
	"		clamped(y + matrix[6] * u), 255.0);\n"
	"}\n";

static const char pairs_source[] =
	"uniform sampler2D texture0, texture1;\n"
	"vec4 fetch(ivec2 at)\n"
	"{\n"
	"	vec2 chroma = texelFetch(texture1, at / subsampling, 0).rg;\n"
	"	return convert(texelFetch(texture0, at, 0).r, chroma.r, chroma.g);\n"
	"}\n";

static const char planes_source[] =
	"uniform sampler2D texture0, texture1, texture2;\n"
	"vec4 fetch(ivec2 at)\n"
	"{\n"
	"	ivec2 chroma = at / subsampling;\n"
	"	return convert(texelFetch(texture0, at, 0).r,\n"
	"		texelFetch(texture1, chroma, 0).r, texelFetch(texture2, chroma, 0).r);\n"
	"}\n";

static const char nearest_source[] =
	"vec4 look(ivec2 at)\n"
	"{\n"
	"	return fetch(clamp((at - 1) >> 16, source.xy, source.zw));\n"
	"}\n";

static const char filter_source[] =
	"vec4 look(ivec2 at)\n"
	"{\n"
	"	at -= 32768;\n"
	"	ivec2 a = clamp(at >> 16, source.xy, source.zw);\n"
	"	ivec2 b = clamp((at >> 16) + 1, source.xy, source.zw);\n"
	"	vec2 part = vec2(at >> 9 & 127) * 2.0;\n"
	"	vec2 rest = 256.0 - part;\n"
	"	vec4 sum = fetch(a) * (rest.x * rest.y) +\n"
	"		fetch(ivec2(b.x, a.y)) * (part.x * rest.y) +\n"
	"		fetch(ivec2(a.x, b.y)) * (rest.x * part.y) + fetch(b) * (part.x * part.y);\n"
	"	return floor(sum / 65536.0);\n"
	"}\n";

static const char main_source[] =
	"vec4 times(vec4 c, float by)\n"
	"{\n"
	"	return floor(c * by / 255.0 + 0.5);\n"
	"}\n"
	"void main()\n"
	"{\n"
	"	ivec2 s = ivec2(gl_FragCoord.xy) - origin;\n"
	"	ivec2 at = ivec2(along.x * s.x + along.y * s.y, along.z * s.x + along.w * s.y) + base;\n"
	"	vec4 c = look(at);\n"
	"	float by = mask;\n"
	"	if (straight) {\n"
	"		by = times(c, mask).a;\n"
	"		c.a = 255.0;\n"
	"	}\n"
	"	color = times(c, by) / 255.0;\n"
	"}\n";

#define ES_300 "#version 300 es\n"
#define EXTERNAL "#extension GL_OES_EGL_image_external_essl3 : require\n"

/* What is specific to a kind. */
static const struct {
	const char *begin, *convert, *fetch;
} sources[GLES_KINDS] = {
	[GLES_RGB] = {ES_300, rgb_source, whole_source},
	[GLES_EXTERNAL] = {ES_300 EXTERNAL, external_source, whole_source},
	[GLES_PAIRS] = {ES_300, yuv_source, pairs_source},
	[GLES_PLANES] = {ES_300, yuv_source, planes_source},
};

/* ---- making them --------------------------------------------------------------------------- */

static GLuint compile(GLenum type, const char *const parts[], GLsizei n)
{
	char text[512] = "";
	GLint done = GL_FALSE;
	GLuint shader = glCreateShader(type);
	glShaderSource(shader, n, parts, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &done);
	if (done)
		return shader;
	glGetShaderInfoLog(shader, sizeof(text), NULL, text);
	waybuf_error("a shader is not compiled: %s", text);
	glDeleteShader(shader);
	return 0;
}

static GLuint link_shaders(GLuint vertex, GLuint fragment)
{
	GLint done = GL_FALSE;
	GLuint program = glCreateProgram();
	glAttachShader(program, vertex);
	glAttachShader(program, fragment);
	glBindAttribLocation(program, 0, "place");
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &done);
	if (done)
		return program;
	waybuf_error("a shader cannot be linked");
	glDeleteProgram(program);
	return 0;
}

static GLuint build(enum gles_kind kind, bool filtered)
{
	const char *const vertex_parts[] = {vertex_source};
	const char *const fragment_parts[] = {sources[kind].begin, head_source,
		sources[kind].convert, sources[kind].fetch,
		filtered ? filter_source : nearest_source, main_source};
	GLuint program = 0;
	GLuint vertex = compile(GL_VERTEX_SHADER, vertex_parts, 1);
	GLuint fragment = vertex ? compile(GL_FRAGMENT_SHADER, fragment_parts, 6) : 0;
	if (fragment)
		program = link_shaders(vertex, fragment);
	glDeleteShader(vertex);
	glDeleteShader(fragment);
	return program;
}

static void find_uniforms(struct gles_program *program)
{
	const GLuint name = program->name;
	program->size = glGetUniformLocation(name, "size");
	program->origin = glGetUniformLocation(name, "origin");
	program->along = glGetUniformLocation(name, "along");
	program->base = glGetUniformLocation(name, "base");
	program->source = glGetUniformLocation(name, "source");
	program->first = glGetUniformLocation(name, "first");
	program->is_565 = glGetUniformLocation(name, "is_565");
	program->straight = glGetUniformLocation(name, "straight");
	program->opaque = glGetUniformLocation(name, "opaque");
	program->mask = glGetUniformLocation(name, "mask");
	program->most = glGetUniformLocation(name, "most");
	program->shift = glGetUniformLocation(name, "shift");
	program->code_mask = glGetUniformLocation(name, "code_mask");
	program->swapped = glGetUniformLocation(name, "swapped");
	program->subsampling = glGetUniformLocation(name, "subsampling");
	program->matrix = glGetUniformLocation(name, "matrix");
}

static void name_textures(const struct gles_program *program)
{
	static const char *const names[GLES_MOST_TEXTURES] = {"texture0", "texture1", "texture2"};
	glUseProgram(program->name);
	for (GLint i = 0; i < GLES_MOST_TEXTURES; i++)
		glUniform1i(glGetUniformLocation(program->name, names[i]), i);
}

/*
 * When it is needed for the first time: to compile takes a driver its time, and most are never
 * needed. NULL: GL does not take it, and is not asked again.
 */
static const struct gles_program *find_program(
	struct gles *gles, enum gles_kind kind, bool filtered)
{
	struct gles_program *program = &gles->programs[kind][filtered];
	if (!program->tried) {
		program->tried = true;
		program->name = build(kind, filtered);
		if (program->name) {
			find_uniforms(program);
			name_textures(program);
		}
	}
	return program->name ? program : NULL;
}

bool gles_programs_init(struct gles *gles)
{
	const char *extensions = (const char *)glGetString(GL_EXTENSIONS);
	_Static_assert(YUV_SHIFT == 20, "the shaders have it, too");
	gles->has_external = gpu_has_extension(extensions, "GL_OES_EGL_image_external_essl3");
	/* without this one there is no other way to draw anything */
	return find_program(gles, GLES_RGB, false);
}

void gles_programs_finish(struct gles *gles)
{
	for (enum gles_kind kind = 0; kind < GLES_KINDS; kind++)
		for (int filtered = 0; filtered < 2; filtered++)
			glDeleteProgram(gles->programs[kind][filtered].name);
}

/* ---- drawing ------------------------------------------------------------------------------- */

/* The place of the pixel's middle, as pixman_transform_point() rounds it. */
static GLint base_of(pixman_fixed_t x, pixman_fixed_t y, pixman_fixed_t zero)
{
	return (GLint)((((int64_t)x + y + 1) >> 1) + zero);
}

static void set_sampling(const struct gles_program *program, const struct scene_layer *layer,
	const struct sampling *sampling, const struct gles_source *source)
{
	const struct sampling_steps s = sampling_get_steps(sampling, 0, 0);
	const pixman_box32_t *whole = &sampling->source;
	glUniform2i(program->origin, layer->x + sampling->seen.x1, layer->y + sampling->seen.y1);
	glUniform4i(program->along, s.xx, s.xy, s.yx, s.yy);
	glUniform2i(program->base, base_of(s.xx, s.xy, s.x0), base_of(s.yx, s.yy, s.y0));
	glUniform4i(program->source, whole->x1, whole->y1, whole->x2 - 1, whole->y2 - 1);
	glUniform2i(program->first, source->x, source->y);
}

static void set_yuv(const struct gles_program *program, const struct scene_layer *layer,
	const struct gles_source *source)
{
	const struct yuv_color color = {layer->color.encoding, layer->color.full_range};
	struct yuv_samples samples;
	struct yuv_matrix m;
	if (!yuv_describe(source->format, &color, &samples, &m))
		return;
	const GLint matrix[] = {m.black, m.grey, m.y, m.rv, m.gu, m.gv, m.bu};
	glUniform1i(program->most, samples.most);
	glUniform1i(program->shift, samples.shift);
	glUniform1i(program->code_mask, samples.mask);
	glUniform1i(program->swapped, samples.swapped);
	glUniform2i(program->subsampling, samples.hsub, samples.vsub);
	glUniform1iv(program->matrix, 7, matrix);
}

/* What is opaque replaces, so that nothing has to be read. */
static void set_blending(const struct gles_program *program, const struct scene_layer *layer,
	const struct gles_source *source)
{
	const struct waybuf_format *format = waybuf_format_get(source->format);
	bool alpha = format && format->has_alpha;
	const uint32_t drm = source->format;
	glUniform1i(program->is_565, drm == DRM_FORMAT_RGB565 || drm == DRM_FORMAT_BGR565);
	glUniform1f(program->opaque, alpha ? 0 : 255);
	glUniform1f(program->mask, (GLfloat)(layer->alpha >> 8));
	glUniform1i(program->straight, layer->color.straight && !layer->opaque && alpha);
	if (layer->opaque)
		glDisable(GL_BLEND);
	else
		glEnable(GL_BLEND);
}

static void bind_textures(const struct gles_source *source)
{
	const GLenum target =
		source->kind == GLES_EXTERNAL ? GL_TEXTURE_EXTERNAL_OES : GL_TEXTURE_2D;
	for (unsigned i = 0; i < GLES_MOST_TEXTURES && source->textures[i]; i++) {
		glActiveTexture(GL_TEXTURE0 + i);
		glBindTexture(target, source->textures[i]);
	}
}

/* Two triangles for each. */
static void draw_boxes(const pixman_box32_t *boxes, int n)
{
	enum { AT_ONCE = 32 };
	GLfloat places[AT_ONCE * 12];
	glEnableVertexAttribArray(0);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, places);
	for (int i = 0; i < n;) {
		GLsizei some = 0;
		for (; i < n && some < AT_ONCE; i++, some++) {
			const GLfloat x1 = (GLfloat)boxes[i].x1, y1 = (GLfloat)boxes[i].y1;
			const GLfloat x2 = (GLfloat)boxes[i].x2, y2 = (GLfloat)boxes[i].y2;
			const GLfloat corners[12] = {
				x1, y1, x2, y1, x1, y2, x2, y1, x2, y2, x1, y2};
			memcpy(&places[12 * some], corners, sizeof(corners));
		}
		glDrawArrays(GL_TRIANGLES, 0, 6 * some);
	}
}

bool gles_draw(struct gles *gles, const struct scene_layer *layer, const struct sampling *sampling,
	const pixman_region32_t *region, const struct gles_source *source)
{
	const struct gles_program *program = find_program(gles, source->kind, !sampling->exact);
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
	if (!program)
		return false;
	glUseProgram(program->name);
	glUniform2f(program->size, (GLfloat)gles->width, (GLfloat)gles->height);
	set_sampling(program, layer, sampling, source);
	if (source->kind == GLES_PAIRS || source->kind == GLES_PLANES)
		set_yuv(program, layer, source);
	set_blending(program, layer, source);
	bind_textures(source);
	draw_boxes(boxes, n);
	return true;
}
