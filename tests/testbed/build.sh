# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# Builds of this checkout, in the root file system. They live in the cache,
# a folder for each checkout, and are incremental.
#
#   run     what run, shell, demo and bench use; installed into run-prefix
#   asan    gcc with ASan and UBSan, for the tests. UBSan traps, and ASan says
#           where: the tables behind its messages are two thirds of a program,
#           and each process would relocate them
#   clang   clang, warnings are errors
#   fuzz    clang with ASan and UBSan, and libFuzzer
#   bare    gcc, every optional feature off, protocol files of the release

declare -g tb_build=yes

build_root()
{
	printf '%s/build-%s-%s' "$(cache_dir)" "$(basename -- "$tb_top" | tr -c 'A-Za-z0-9._\n' _)" \
		"$(printf '%s' "$tb_top" | recipe_key)"
}

# build_args NAME: sets the array `args` to meson's.
build_args()
{
	case $1 in
	run) args=(--prefix "$(build_root)/run-prefix" --libdir lib) ;;
	asan) args=(-Dwerror=true '-Db_sanitize=address,undefined' -D{c,cpp}{,_link}_args=-fsanitize-trap=undefined) ;;
	clang) args=(-Dwerror=true) ;;
	fuzz) args=(-Dwerror=true -Dfuzz=enabled '-Db_sanitize=address,undefined' -Db_lundef=false) ;;
	bare) args=(-Dwerror=true -Dauto_features=disabled) ;;
	esac
}

# build_inside DIR META...: the part that runs in the root file system.
build_inside()
{
	local dir=$1 top=$2 install=$3
	shift 3

	[ -e "$dir/build.ninja" ] || meson setup "$dir" "$top" "$@" || return
	ninja -C "$dir" || return
	[ "$install" = no ] || meson install -C "$dir" --no-rebuild --quiet
}

# build NAME: quiet when it goes well.
build()
{
	local name=$1 root log install=no args lock status
	root=$(build_root)
	log=$root/$name.log
	build_args "$name"

	mkdir -p -- "$root"
	exec {lock}>"$root/$name.lock"
	flock "$lock"
	build_renew "$root" "$name" "${args[@]}"
	[ "$name" != run ] || install=yes
	tb_binds=("ro:$tb_top" "rw:$root")
	tb_cwd=$root
	tb_extra_env=()
	case $name in
	clang | fuzz) tb_extra_env=(CC=clang CXX=clang++) ;;
	bare) tb_extra_env=(PKG_CONFIG_PATH=/opt/wayland-protocols) ;;
	esac
	rootfs_run "$(rootfs_path)" bash -c "$(declare -f build_inside); build_inside \"\$@\"" build \
		"$root/$name" "$tb_top" "$install" "${args[@]}" >"$log" 2>&1 </dev/null {lock}>&-
	status=$?
	exec {lock}>&-
	tb_extra_env=()
	[ "$status" -eq 0 ] || build_failed "$name" "$log"
}

# build_renew ROOT NAME ARG...: a build made in another root file system may hold
# what is gone from this one, and one made with other options is another build.
build_renew()
{
	local dir=$1/$2 stamp=$1/$2.recipe recipe
	shift 2

	recipe="$(rootfs_key) $*"
	if [ "$(cat -- "$stamp" 2>/dev/null)" != "$recipe" ]; then
		rm -rf -- "${dir:?}" "${dir:?}-prefix"
		printf '%s\n' "$recipe" >"$stamp"
	fi
	[ -e "$dir/build.ninja" ] || say "compiling ($(basename -- "$dir")): about a minute, once"
}

build_failed()
{
	# from the first thing that failed, if the compiler got that far
	{ grep -m 1 -A 60 '^FAILED: ' "$2" || tail -n 20 "$2"; } | grep -v '^\[[0-9]*/[0-9]*\] ' >&2
	die "the $1 build failed (log: $2)"
}

# machine_ready: what every command that runs something needs.
machine_ready()
{
	local prefix

	setup
	[ "$tb_build" = no ] || build run
	prefix=$(build_root)/run-prefix
	mkdir -p -- "$(build_root)"
	tb_binds=("rw:$tb_top" "rw:$(build_root)")
	tb_path=$prefix/bin:/usr/sbin:/usr/bin:/sbin:/bin
	tb_extra_env=(LD_LIBRARY_PATH="$prefix/lib" PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
		WAYBUF_BUILD="$(build_root)/run")
	tb_cwd=$tb_top
}

# is_system_folder PATH: the root file system has a folder of that name, which
# must not be covered by the machine's.
is_system_folder()
{
	[[ $1/ =~ ^/(usr|etc|var|bin|sbin|lib|lib32|lib64|libx32|dev|proc|sys|run|\.testbed.*)?/ ]] ||
		[ "$1" = / ]
}

# The caller's folder comes along, so that relative names mean what they say.
bind_here()
{
	tb_cwd=$PWD
	case $PWD/ in
	"$tb_top"/* | "$(build_root)"/*) ;;
	*) is_system_folder "$PWD" || tb_binds+=("rw:$PWD") ;;
	esac
}

command_build()
{
	setup
	build run
	say "built in $(build_root)/run, installed in $(build_root)/run-prefix"
}

command_run()
{
	[ "${1:-}" != -- ] || shift
	[ $# -gt 0 ] || die "run needs a command: ./testbed run -- CMD"
	machine_ready
	bind_here
	machine_run "$@"
}

command_shell()
{
	machine_ready
	bind_here
	machine_shell
}
