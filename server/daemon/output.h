/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_OUTPUT_H
#define DAEMON_OUTPUT_H

#include "kms/assign.h"
#include "kms/commit.h"
#include "kms/restore.h"
#include "pace.h"
#include "render.h"
#include "scene.h"
#include "slots.h"

struct capture;
struct card;
struct cursor_images;
struct headless;
struct output;

/* What is different with a display (scanout.c) and without one (headless.c). */
struct output_backend {
	/*
	 * Shows @scene: its layers on their planes, below them the image of @slot (NULL: none is
	 * needed), with a capture if one waits. Takes @scene on success; output_kms_listener hears
	 * of the flip.
	 */
	int (*commit)(struct output *output, struct scene *scene, struct slot *slot,
		struct waybuf_kms_why *why);
	/* whether a commit is not over */
	bool (*is_busy)(const struct output *output);
	/* gives @slot a black picture of the output's size, XRGB8888 */
	int (*make_image)(struct output *output, struct slot *slot, struct waybuf_kms_why *why);
	/*
	 * Finds planes for the layers of @scene, the one that was made last; the output's places
	 * say why there is none.
	 */
	void (*assign)(struct output *output, struct scene *scene);
};

/* Why nothing is committed. */
enum output_dark {
	OUTPUT_LIT, /* it is */
	OUTPUT_STUCK, /* a flip does not come, and the kernel takes no other commit */
	OUTPUT_REFUSED, /* the display is somebody else's, or in trouble */
	OUTPUT_PAUSED, /* the user is in another session */
	OUTPUT_UNPLUGGED, /* no display is connected */
	OUTPUT_GONE, /* there is no device any more */
	OUTPUT_OFF, /* it is switched off */
};

/* What it has shown, for `waybufctl info`. */
struct output_stats {
	uint64_t commits; /* wl_surface.commit, of what is on it */
	uint64_t discarded; /* commits whose fence never signalled, or failed */
	uint64_t direct; /* pictures for which nothing was composed */
	uint64_t copied; /* pictures for which something was */
	uint64_t drawn; /* pixels, in these */
	uint64_t captures; /* pictures that were taken */
	uint64_t captures_direct; /* of these, written by the display into the client's buffer */
	uint64_t refused; /* frames of dma-bufs in those that no plane took */
	uint64_t waits; /* pictures that waited until others had drawn, too */
	uint64_t waits_in_vain; /* of these, until it was time for the vblank */
	uint64_t waits_missed; /* of these, shown by a later vblank all the same */
};

/*
 * One display of several: a wl_output, and the loop that keeps its picture right.
 *
 *	idle --something visible changed, and all have drawn (pace.h)--> repaint: a scene is made
 *	     planes are found for its layers, as far as the display has them (scanout.c)
 *	     none is left, or what is left is in a slot already --> commit them
 *	     else --> the worker composes it into one of two slots --> commit all
 *	commit --flip--> the frames of the former scene are released, callbacks answered --> idle
 *
 * and from anywhere, when the display fails or is switched off, to dark and back (watch.c, hotplug.c,
 * power.c).
 *
 * There is one scene on its way at most. Changes meanwhile only set `dirty`, and the next repaint
 * takes them all together. When nothing has changed there is no commit.
 */
struct output {
	struct daemon *daemon;
	struct wl_list link; // daemon.outputs, or daemon.retired
	struct wl_global *global; /* NULL: no display is plugged in */
	struct wl_list resources; // wl_output, by wl_resource_get_link()
	struct wl_list xdg_resources; // zxdg_output_v1, likewise
	uint32_t rank; /* those of lower ranks are to the left of it */
	int32_t x, y; /* of its top left corner in the layout, where clients see it: logical */
	bool retired; /* unplugged for good: in daemon.retired until it is off */

	const struct output_backend *backend;
	struct headless *headless; /* NULL: it is a display */
	const char *name, *make;

	/* of a display; NULL without one */
	struct card *card;
	struct waybuf_kms_device *kms; /* the card's */
	struct waybuf_kms_connector *connector;
	const struct _drmModeModeInfo *mode; /* of the connector; to be used at once */
	struct waybuf_kms_crtc *crtc;
	struct waybuf_kms_plane *plane; /* the primary one: below all others, always on */
	uint32_t width, height, refresh_mhz; /* of the mode: pixels as the display has them */
	uint32_t blank_ns; /* of each refresh: nothing of the picture is sent then */
	int32_t transform; /* how the display is turned: enum wl_output_transform */
	uint32_t scale; /* of what is shown on it, in parts of GEOMETRY_SCALE_ONE */

	/* what is on the screen, what waits for its flip, and what is being composed; or NULL */
	struct scene *shown, *pending;
	struct render_job compose;
	bool composing; /* compose.scene is in use */
	struct slot slots[2]; /* the second one is made when it is needed */
	struct slot *shown_slot; /* on the primary plane; NULL: a client's buffer is */
	struct picture picture; /* what is composed in the scene that is being prepared */
	pixman_region32_t difference; /* what of it is drawn */
	uint64_t drawn; /* pixels, for the last frame */
	struct waybuf_kms_assigner *assigner;
	struct cursor_images *cursor_images; /* of cursor_image.c; NULL: none yet */
	struct waybuf_tranche tranche; /* what the primary plane takes, of what is composed */
	struct waybuf_kms_place places[SCENE_MAX_LAYERS]; /* of the scene that was made last */
	unsigned refused; /* repaints that use no planes yet */
	bool dirty;
	bool failing; /* frames could not be shown, and that was said */
	enum output_dark dark;
	uint32_t off; /* enum power_reason; 0: it is to be on */
	bool asleep; /* its CRTC is, and the next commit wakes it */
	bool suspended; /* its windows have been told that it is off */
	struct wl_event_source *idle; /* a repaint is due */
	struct pace pace; /* whether it waits for somebody */
	struct surface *visible[SCENE_MAX_LAYERS]; /* in the scene that was made last */
	uint32_t n_visible;

	/* frame callbacks that no flip will answer: of what is hidden, and of unchanged surfaces */
	struct waybuf_source *tick, *hidden;
	bool tick_armed, hidden_armed;
	struct wl_list orphans; // wl_callback: of scenes that never made it to the screen

	/* of the commit that is on its way; NULL: nobody needs it. Flips are a context, in order */
	struct waybuf_fence *flip_fence;
	uint64_t flip_context, n_commits;
	uint64_t flip_ns;
	uint32_t flip_sequence;
	struct capture *capture;
	struct output_stats stats;

	/* armed while there are commits, and once a second in the dark */
	struct waybuf_source *watch;
	bool watch_armed;
	uint64_t n_watched, looked_at; /* commits in all, and when it was looked last */
	bool overdue; /* a flip did not come, and that was said */

	bool crtc_off; /* unplugged, and nothing is shown any more */
	bool unlit; /* what is plugged in cannot be used, and that was said */
};

/* One that shows nothing yet, and is in no list. NULL: no memory, or no timers. */
struct output *output_create(struct daemon *daemon);
/* Takes it out of its list. What is on a display stays there. NULL is a no-op. */
void output_destroy(struct output *output);

/* The wl_output global. */
struct wl_global *output_global_create(struct output *output);
/* Tells the surface's client how to draw for the output, as far as it has not been told. */
void output_prefer(const struct output *output, struct surface *surface);
/* NULL: it has been withdrawn. */
struct output *output_from_resource(struct wl_resource *resource);
/* It has moved: tells all clients where it is, with its size. */
void output_tell(const struct output *output);
/* Tells the surface's client that it is on the output, or no longer. */
void output_send_enter(struct output *output, struct surface *surface, bool enter);

/* A surface of the output has a new current state. */
void output_surface_applied(struct output *output, struct surface *surface);
void output_surface_gone(struct output *output, struct surface *surface);
/* Another output shows it from now on: this one forgets that it is seen. */
void output_forget_visible(struct output *output, const struct surface *surface);
/* A toplevel came or went. */
void output_stack_changed(struct output *output);

/* Makes a repaint due, if there can be one now. */
void output_schedule(struct output *output);
/* A scene has changed what is to be seen, without a surface's doing. */
void output_damage(struct output *output);

/* All of its pixels, upright. */
static inline void output_upright_size(
	const struct output *output, uint32_t *width, uint32_t *height)
{
	bool turned = geometry_turned(output->transform);
	*width = turned ? output->height : output->width;
	*height = turned ? output->width : output->height;
}

/*
 * As clients see it: upright, in surface coordinates. Whole ones, so that a few pixels may be left
 * over to the right and below.
 */
void output_logical_size(const struct output *output, uint32_t *width, uint32_t *height);

/* For those who know whole ones only: what is made smaller then stays sharp. 0 for 0. */
static inline int32_t output_whole_scale(uint32_t scale)
{
	return (int32_t)((scale + GEOMETRY_SCALE_ONE - 1) / GEOMETRY_SCALE_ONE);
}

/* Nanoseconds from one refresh to the next. */
uint32_t output_period_ns(const struct output *output);

/* The flip is over, whoever says so: its fence has signalled. */
void output_settle_flip(struct output *output);
/* Nothing of it is shown any more: releases all, once, and answers whoever waits. */
void output_drop_scenes(struct output *output);
/* watch.c: a commit was accepted. */
void watch_commit(struct output *output);
/* Whether an error of a commit means that the display is not there for us. */
bool output_is_lost(int error);
/* It does mean that. The scene that was refused is the caller's. */
void watch_lost(struct output *output, int error);
/* All surfaces wait for something else than a flip from now on. */
void watch_slow_down(struct output *output);
/* The session is paused, and goes on. */
void watch_pause(struct output *output);
void watch_resume(struct output *output);
/* Looks again in a second. */
void watch_arm(struct output *output);
int watch_init(struct output *output);
void watch_finish(struct output *output);

/* hotplug.c: its display was unplugged. */
void hotplug_unplug(struct output *output);
/* Something that was under way is over: an unplugged display may be turned off now, or lit. */
void hotplug_settle(struct output *output);
/* There is no output any more, for clients. */
void hotplug_withdraw(struct output *output);
/* At the end: the globals that are still there for those who did not know. */
void hotplug_finish(struct daemon *daemon);

/*
 * output_setup.c: what its display is to be: @connector, in a mode of the command line or, if that
 * has none such and @strict is not set, its own. 0, or -EINVAL with @why.
 */
int output_choose(struct output *output, struct waybuf_kms_connector *connector, bool strict,
	struct waybuf_kms_why *why);
/*
 * Takes the displays of the @n outputs, on the CRTCs that they have, and makes them black, or puts
 * those to sleep that are to be off; others stay as they are. 0, or a negative errno with @why, and
 * then images that were made are there.
 */
int output_light_up(struct output *const outputs[], size_t n, struct waybuf_kms_why *why);

/* output.c: what the device tells about a commit, with the output as data */
extern const struct waybuf_kms_listener output_kms_listener;

extern const struct output_backend scanout_backend;
/* Whether the primary plane shows an image of what is composed, if only black. */
bool scanout_needs_image(const struct output *output, const struct scene *scene);
/* What came of a layer of that scene, for its client. */
enum waybuf_plane_result scanout_result(
	const struct output *output, const struct scene *scene, uint32_t index);
/* A commit with planes was refused: @scene has none now, and nor has any for a while. */
void scanout_refused(struct output *output, struct scene *scene, const struct waybuf_kms_why *why);
extern const struct waybuf_kms_assigner_ops scanout_assigner_ops;

/* headless.c: makes all of them. False: said why. */
bool headless_start(struct daemon *daemon);
/* A no-op for a display. */
void headless_finish(struct output *output);
/* For attachments of kind display. */
extern const struct waybuf_server_device_ops headless_device_ops;

/* callbacks.c: frame callbacks that no flip answers */
int callbacks_init(struct output *output);
void callbacks_finish(struct output *output);
/* Sees to it that the callbacks of @surface are answered, though it will not be repainted now. */
void callbacks_arm(struct output *output, const struct surface *surface);
/* Takes those of a list: of a scene that failed, or of an output that goes. */
void callbacks_adopt(struct output *output, struct wl_list *callbacks);
/* The output is switched on: what has waited since it was off is answered. */
void callbacks_wake(struct output *output);

#endif
