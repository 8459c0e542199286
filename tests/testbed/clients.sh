# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# Other people's programs as clients of waybufd: clients-guest.sh runs each in the
# guest, and here their rows become a table. The programs are in a root file
# system of their own, that of the tests with more packages; no test needs it.

declare -gr clients_seconds=150 clients_megabytes=5000 clients_lines=2700

clients_key()
{
	{
		declare -f rootfs_bootstrap
		package_list "$tb_parts/packages"
		package_list "$tb_parts/packages-clients"
	} | recipe_key
}

clients_path()
{
	printf '%s' "$(cache_dir)/clients-$(clients_key)"
}

clients_make()
{
	local log

	[ ! -d "$(clients_path)" ] || return 0
	cache_lock
	if [ ! -d "$(clients_path)" ]; then
		need_space "$(cache_dir)" "$clients_megabytes" 'the clients'
		cache_begin
		log=$tb_tmp/log
		progress 'clients, Debian 13' $clients_seconds $clients_lines \
			'^(Get:|Unpacking |Setting up )' "$log" \
			rootfs_bootstrap trixie "$tb_parts/packages" "$tb_tmp/clients" \
			--include="$(package_list "$tb_parts/packages-clients")" ||
			die "clients: $(explain_log "$log") (log: $(keep_log "$log" clients))"
		cache_commit clients "$(clients_path)"
	fi
	cache_unlock
}

# NAME|HOW|COMMAND|EXPLANATION. HOW: `pointer`, there is a mouse with keys, which
# moves and clicks over it; `once`, it is to end by itself, and well; `peers`, the same, it is a
# program of the peers, and only run if asked for by name. CLIP is a video, PAGE something for
# browsers. The last is for a failure that is known to be the client's or the guest's own.
clients_list()
{
	local bo='GBM gets no dumb buffer from the render node of vgem; on weston 14 it fails alike'
	local node='it looks for a device with drmGetDevices(), which knows no virtual ones'
	local screencopy='it speaks wlr-screencopy only, which weston 14 has not, either'
	local hwdec='it ends without a hardware decoder: libva asks drmGetDeviceFromDevId(), as above'
	local sdl=/usr/libexec/installed-tests/SDL2
	local browser='--ozone-platform=wayland --no-sandbox --no-first-run --user-data-dir=/tmp/chromium'

	sed "s|PAGE|$tb_parts/moving.html|" <<-EOF2
		wayland-info|once|wayland-info|
		simple-shm||weston-simple-shm|
		simple-damage||weston-simple-damage|
		simple-egl||weston-simple-egl|
		subsurfaces||weston-subsurfaces|
		presentation-shm||weston-presentation-shm -f|
		flower||weston-flower|
		image||weston-image /usr/share/weston/terminal.png|
		terminal||weston-terminal --shell=/bin/sh|
		stacking||weston-stacking|
		transformed||weston-transformed|
		cliptest||weston-cliptest|
		scaler||weston-scaler|
		smoke|pointer|weston-smoke|
		dnd|pointer|weston-dnd|
		dmabuf-egl||weston-simple-dmabuf-egl|$bo
		dmabuf-feedback||weston-simple-dmabuf-feedback|$node
		es2gears|pointer|es2gears_wayland|
		vkcube||vkcube --wsi wayland|
		foot|pointer|foot|
		mpv-wlshm||mpv --no-config --loop --no-audio --vo=wlshm CLIP|
		mpv-gpu||mpv --no-config --loop --no-audio --vo=gpu --gpu-sw=yes --gpu-context=wayland CLIP|
		mpv-dmabuf||mpv --no-config --loop --no-audio --vo=dmabuf-wayland CLIP|$hwdec
		gst-test||gst-launch-1.0 videotestsrc ! waylandsink|
		gst-clip||gst-launch-1.0 filesrc location=CLIP ! decodebin ! videoconvert ! waylandsink|
		gtk4-cairo|pointer|env GSK_RENDERER=cairo gtk4-widget-factory|
		gtk4-gl|pointer|env GSK_RENDERER=ngl gtk4-demo|
		sdl-sprites||env SDL_VIDEODRIVER=wayland $sdl/testsprite2|
		sdl-gles2||env SDL_VIDEODRIVER=wayland $sdl/testgles2|
		chromium||chromium $browser file://PAGE|
		nested-weston|pointer|weston --backend=wayland --renderer=pixman --no-config -- /usr/bin/weston-simple-shm|
		nested-cage||env WLR_BACKENDS=wayland WLR_RENDERER=pixman cage -- weston-simple-shm|
		grim|once|grim screen.png|$screencopy
		wf-recorder|once|wf-recorder --file=screen.mkv|$screencopy
		grim-forky|peers|grim screen.png|
	EOF2
}

# A verdict for each row: NAME STATUS FPS PLACE SEEN MESSAGE SERVER-MESSAGE, with tabs.
clients_table()
{
	awk -F '\t' -v list="$1" '
		BEGIN {
			while ((getline line < list) > 0) {
				split(line, part, "|")
				once[part[1]] = part[2] == "once" || part[2] == "peers"
				explained[part[1]] = part[4]
			}
			print "| client | result | frames/s | shown | message |"
			print "|---|---|---|---|---|"
		}
		{
			what = explained[$1] != "" ? "explained" : "broken"
			if (once[$1] ? $2 == "0" : ($2 == "alive" || $2 == "0") && $5 > 0)
				what = "works"
			n[what]++
			message = what == "explained" ? explained[$1] : $6
			if ($7 != "")
				message = message " (waybufd: " $7 ")"
			printf "| %s | %s | %s | %s | %s |\n", $1, what, $3, $4, message
		}
		END { printf "%d work, %d explained, %d broken\n", n["works"], n["explained"], n["broken"]
			exit n["broken"] > 0 }'
}

# clients [NAME...]
command_clients()
{
	local out status name rest peers=

	setup
	clients_make
	demo_clip_make
	machine_ready
	out=$(build_root)/clients
	rm -rf -- "$out"
	mkdir -- "$out"
	clients_list | while IFS='|' read -r name rest; do
		[[ " $* " = *" $name "* || ($# -eq 0 && $rest != peers*) ]] || continue
		printf '%s|%s\n' "$name" "$rest"
	done >"$out/list"
	[ -s "$out/list" ] || die "there is no such client: $*"
	tb_cwd=$out
	tb_guest_root=$(clients_path)
	tb_binds+=("ro:$(demo_clip_path)")
	if grep -q '^[^|]*|peers|' "$out/list"; then
		peers_make
		peers=$(readlink -f -- "$(peers_path)")
		tb_binds+=("ro:$peers")
	fi
	machine_run bash "$tb_parts/clients-guest.sh" "$out" "$(demo_clip_path)/clip.mp4" "$peers" </dev/null >/dev/null
	status=$?
	[ "$status" -eq 0 ] || die "the clients could not be run: status $status (their files: $out)"
	say "pictures and logs are in $out"
	cut -d '|' -f 1 "$out/list" | while read -r name; do
		cat "$out/$name.row"
	done | clients_table "$out/list"
}
