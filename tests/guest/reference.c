/* SPDX-License-Identifier: MIT */
#include "reference.h"
#include "util/fourcc.h"

static uint32_t slope(uint32_t value)
{
	value %= 400;
	return value < 200 ? value : 400 - value;
}

static uint32_t slopes(uint32_t x, uint32_t y, uint32_t seed)
{
	x += seed * 17;
	return slope(x * 11 + y * 6) << 16 | slope(x * 5 + y * 13 + 70) << 8 |
		slope(x * 9 + y * 12 + 140);
}

void reference_draw(struct picture *picture, uint32_t seed)
{
	for (uint32_t y = 0; y < picture->height; y++) {
		uint32_t *row = (uint32_t *)(void *)(picture->pixels + (size_t)y * picture->stride);
		for (uint32_t x = 0; x < picture->width; x++)
			row[x] = 0xff000000 | slopes(x, y, seed);
	}
}

void reference_turn(int transform, uint32_t width, uint32_t height, uint32_t *x, uint32_t *y)
{
	if (transform & 4)
		*x = width - 1 - *x;
	for (int i = 0; i < (transform & 3); i++) {
		uint32_t old = *x, swap = width;
		*x = *y;
		*y = width - 1 - old;
		width = height;
		height = swap;
	}
}

static double between(double value, double least, double most)
{
	return value < least ? least : value > most ? most : value;
}

static double word(const struct picture *picture, size_t offset)
{
	const uint8_t *at = picture->pixels + offset;
	if (picture->format == DRM_FORMAT_NV12)
		return at[0];
	/* ten of sixteen bits, of which four codes are one of eight */
	unsigned value = (unsigned)at[1] << 8 | at[0];
	return picture->format == DRM_FORMAT_P010 ? value / 64 : value;
}

/* NV12, P010 or S010. */
static void yuv(const struct reference_layer *layer, uint32_t x, uint32_t y, double out[4])
{
	const struct picture *p = layer->picture;
	const struct reference_color *color = &layer->color;
	const bool wide = p->format != DRM_FORMAT_NV12, planar = p->format == DRM_FORMAT_S010;
	const size_t bytes = wide ? 2 : 1;
	const double one = wide ? 4 : 1, most = wide ? 1023 : 255;
	const double kr = color->kr > 0 ? color->kr : 0.299, kb = color->kr > 0 ? color->kb : 0.114;
	const size_t pitch = planar ? p->stride / 2 : p->stride;
	const size_t chroma =
		(size_t)p->stride * p->height + pitch * (y / 2) + x / 2 * bytes * (planar ? 1 : 2);
	const size_t other = chroma + (planar ? pitch * (p->height / 2) : bytes);
	double luma = word(p, (size_t)p->stride * y + x * bytes);
	double u = word(p, chroma) - 128 * one, v = word(p, other) - 128 * one;
	luma = color->full ? luma / most : (luma - 16 * one) / (219 * one);
	u /= color->full ? most : 224 * one;
	v /= color->full ? most : 224 * one;
	double r = luma + 2 * (1 - kr) * v, b = luma + 2 * (1 - kb) * u;
	double g = (luma - kr * r - kb * b) / (1 - kr - kb);
	out[0] = between(r, 0, 1) * 255;
	out[1] = between(g, 0, 1) * 255;
	out[2] = between(b, 0, 1) * 255;
	out[3] = 255;
}

static void rgb(const struct reference_layer *layer, uint32_t x, uint32_t y, double out[4])
{
	uint32_t pixel = picture_pixel(layer->picture, x, y);
	double alpha = layer->picture->format == DRM_FORMAT_ARGB8888 ? pixel >> 24 : 255;
	double factor = layer->color.straight ? alpha / 255 : 1;
	out[0] = (pixel >> 16 & 255) * factor;
	out[1] = (pixel >> 8 & 255) * factor;
	out[2] = (pixel & 255) * factor;
	out[3] = alpha;
}

static int scale_of(const struct reference_layer *layer)
{
	return layer->scale ? layer->scale : 1;
}

/* The content's size in pixels of the buffer, before it was turned. */
static void content_size(const struct reference_layer *layer, uint32_t *width, uint32_t *height)
{
	bool across = layer->transform & 1;
	*width = across ? layer->picture->height : layer->picture->width;
	*height = across ? layer->picture->width : layer->picture->height;
}

static void texel(const struct reference_layer *layer, double x, double y, double out[4])
{
	uint32_t width, height, bx = (uint32_t)x, by = (uint32_t)y;
	uint32_t format = layer->picture->format;
	content_size(layer, &width, &height);
	reference_turn(layer->transform, width, height, &bx, &by);
	if (format == DRM_FORMAT_NV12 || format == DRM_FORMAT_P010 || format == DRM_FORMAT_S010)
		yuv(layer, bx, by, out);
	else
		rgb(layer, bx, by, out);
}

/* In pixels of the content. */
struct area {
	double x, y, width, height;
	uint32_t shown_width, shown_height;
};

static struct area area_of(const struct reference_layer *layer)
{
	uint32_t width, height;
	int scale = scale_of(layer);
	content_size(layer, &width, &height);
	struct area area = {0, 0, width, height, 0, 0};
	if (layer->source_width > 0)
		area = (struct area){layer->source_x * scale, layer->source_y * scale,
			layer->source_width * scale, layer->source_height * scale, 0, 0};
	area.shown_width = layer->width ? layer->width : (uint32_t)(area.width / scale);
	area.shown_height = layer->height ? layer->height : (uint32_t)(area.height / scale);
	return area;
}

void reference_size(const struct reference_layer *layer, uint32_t *width, uint32_t *height)
{
	const struct area area = area_of(layer);
	*width = area.shown_width;
	*height = area.shown_height;
}

static double floor_of(double value)
{
	double down = (double)(int64_t)value;
	return down > value ? down - 1 : down;
}

static double ceil_of(double value)
{
	return -floor_of(-value);
}

/* Bilinear; what is beyond the source's last pixels is as these are. */
static void sample(const struct reference_layer *layer, const struct area *area, uint32_t x,
	uint32_t y, double out[4])
{
	const double left = floor_of(area->x), right = ceil_of(area->x + area->width) - 1;
	const double top = floor_of(area->y), bottom = ceil_of(area->y + area->height) - 1;
	double u = area->x + (x + 0.5) * area->width / area->shown_width - 0.5;
	double v = area->y + (y + 0.5) * area->height / area->shown_height - 0.5;
	double u0 = floor_of(u), v0 = floor_of(v), fu = u - u0, fv = v - v0;
	for (int c = 0; c < 4; c++)
		out[c] = 0;
	for (int i = 0; i < 4; i++) {
		double weight = (i & 1 ? fu : 1 - fu) * (i & 2 ? fv : 1 - fv), part[4];
		if (weight <= 0)
			continue;
		texel(layer, between(u0 + (i & 1), left, right),
			between(v0 + (i >> 1), top, bottom), part);
		for (int c = 0; c < 4; c++)
			out[c] += part[c] * weight;
	}
}

static void blend(const struct reference_layer *layer, uint32_t x, uint32_t y, double out[3])
{
	const struct area area = area_of(layer);
	const double factor = 1 - layer->transparency;
	double pixel[4];
	x -= (uint32_t)layer->x;
	y -= (uint32_t)layer->y;
	if (x >= area.shown_width || y >= area.shown_height)
		return;
	sample(layer, &area, x, y, pixel);
	for (int c = 0; c < 3; c++)
		out[c] = pixel[c] * factor + out[c] * (1 - pixel[3] * factor / 255);
}

static int worst_of(uint32_t got, const double want[3])
{
	double worst = 0;
	for (int c = 0; c < 3; c++) {
		double off = want[c] - (got >> (16 - 8 * c) & 255);
		off = off < 0 ? -off : off;
		worst = off > worst ? off : worst;
	}
	/* half a code is the rounding's */
	return (int)ceil_of(worst - 0.501);
}

void reference_check(struct client *client, int transform, const struct reference_layer *layers,
	size_t n, int tolerance)
{
	struct picture screen;
	int most = 0;
	capture_output(client, &screen);
	bool across = transform & 1;
	const uint32_t width = across ? screen.height : screen.width;
	const uint32_t height = across ? screen.width : screen.height;
	for (uint32_t i = 0; i < width * height; i++) {
		double want[3] = {0};
		uint32_t x = i % width, y = i / width;
		for (size_t l = 0; l < n; l++)
			blend(&layers[l], x, y, want);
		reference_turn(transform, width, height, &x, &y);
		uint32_t got = picture_pixel(&screen, x, y) & 0xffffff;
		int off = worst_of(got, want);
		if (off > tolerance)
			ck_abort_msg("at %u,%u of the output: %06x, not %.1f %.1f %.1f", x, y, got,
				want[0], want[1], want[2]);
		most = off > most ? off : most;
	}
	printf("# off by %d at most\n", most);
	picture_finish(&screen);
}
