# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# The demonstration: a clip, the guest, demo-guest.sh in it, and the picture
# and the table that it leaves.

demo_clip_path()
{
	printf '%s' "$(cache_dir)/clip-$(declare -f demo_clip_encode | recipe_key)"
}

# Moving things, small text and a ramp: what a wrong stride, a wrong plane or a
# torn frame would visibly spoil. The colours are tagged: untagged ones are a
# guess at the other end, and a wrong guess turns red into orange.
demo_clip_encode()
{
	ffmpeg -v error -nostdin -f lavfi -i testsrc2=size=1024x576:rate=30:duration=6 \
		-vf scale=out_color_matrix=bt709:out_range=tv -colorspace bt709 -color_primaries bt709 \
		-color_trc bt709 -color_range tv -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 30 "$1"
}

demo_clip_make()
{
	local path

	path=$(demo_clip_path)
	[ ! -e "$path" ] || return 0
	cache_lock
	cache_begin
	mkdir "$tb_tmp/clip"
	say 'making a clip with ffmpeg'
	tb_binds=("rw:$tb_tmp/clip")
	tb_cwd=$tb_tmp/clip
	rootfs_run "$(rootfs_path)" bash -c "$(declare -f demo_clip_encode); demo_clip_encode clip.mp4" \
		</dev/null >"$tb_tmp/log" 2>&1 ||
		die "cannot make a clip: $(explain_log "$tb_tmp/log") (log: $(keep_log "$tb_tmp/log" clip))"
	cache_commit clip "$path"
	cache_unlock
}

command_demo()
{
	local clip out status

	if [ $# -gt 0 ]; then
		if [ ! -f "$1" ] || [ ! -r "$1" ]; then
			die "cannot read $1: name a video file, or none for a made one"
		fi
		clip=$(readlink -f -- "$1")
	fi
	setup
	if [ $# -eq 0 ]; then
		demo_clip_make
		clip=$(demo_clip_path)/clip.mp4
	fi
	machine_ready
	out=$(build_root)/demo
	rm -rf -- "$out"
	mkdir -- "$out"
	if is_system_folder "$(dirname -- "$clip")"; then
		ln -- "$clip" "$out/" 2>/dev/null || cp -- "$clip" "$out/"
		clip=$out/$(basename -- "$clip")
	else
		tb_binds+=("ro:$(dirname -- "$clip")")
	fi
	tb_cwd=$out
	machine_run bash "$tb_parts/demo-guest.sh" "$clip" "$out" </dev/null
	status=$?
	[ "$status" -eq 0 ] || die "the demo failed with status $status (its files: $out)"
	[ -s "$out/demo.png" ] || die "the demo left no picture (its files: $out)"
	cp -- "$out/demo.png" ./demo.png || die "cannot write demo.png here ($PWD)"
	[ ! -e "$out/table" ] || cat -- "$out/table"
	say "the picture is in $PWD/demo.png"
}
