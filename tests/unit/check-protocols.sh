#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # backquotes are what is looked for
# check-protocols.sh SOURCE XML...: docs/protocols.md has a row for each request,
# event and error of the XML files, none for anything else, and in each row tests
# that exist. A row whose `since` is above the interface's version in an XML file
# waits for a newer one.
set -u
cd "$1" || exit 1
shift
doc=docs/protocols.md
number=0
failed=0

# verdict NAME WRONG: what is wrong is a line each
verdict()
{
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		echo "$2" | sed 's/^/# /'
		failed=1
	fi
}

# What the files have, as "ITEM KIND VERSION", the version being the interface's.
items()
{
	cat -- "$@" | awk -F'"' '
		/<interface name=/ { interface = $2; version = $4 }
		/<(request|event) name=/ {
			print interface "." $2, (/<request/ ? "request" : "event"), version
		}
		/<enum name=/ { is_error = $2 == "error" }
		/<entry name=/ && is_error { print interface ".error." $2, "error", version }
		/<\/enum>/ { is_error = 0 }'
}

# The rows, as "ITEM KIND SINCE TEST...".
rows()
{
	grep '^| `' "$doc" | tr -d '|`'
}

without_row()
{
	items "$@" | while read -r item kind version; do
		rows | awk -v item="$item" -v kind="$kind" '$1 == item && $2 == kind { found = 1 }
			END { exit !found }' || echo "the $kind $item (version $version)"
	done
}

without_item()
{
	items "$@" >"$list"
	rows | while read -r item kind since tests; do
		grep -q "^$item $kind " "$list" && continue
		version=$(awk -v prefix="${item%%.*}." 'index($1, prefix) == 1 { print $3; exit }' "$list")
		[ -n "$version" ] && [ "$since" -gt "$version" ] || echo "the $kind $item ($tests)"
	done
}

twice()
{
	rows | awk '{ print $1 }' | sort | uniq -d
}

missing_tests()
{
	rows | while read -r item kind since tests; do
		[ -n "$tests" ] || echo "the $kind $item of version $since has none"
		for proof in $tests; do
			file=tests/${proof%%:*}.c
			grep -q "^TEST(${proof#*:})" "$file" 2>/dev/null ||
				echo "$file has no ${proof#*:}"
		done
	done
	# those of the text above the tables, too
	for proof in $(grep -v '^| ' "$doc" | grep -o '`[a-z]*/test_[a-z0-9_]*:[a-z0-9_]*`' | tr -d '`'); do
		grep -q "^TEST(${proof#*:})" "tests/${proof%%:*}.c" || echo "there is no $proof"
	done
}

# What reads nothing finds nothing wrong.
too_few()
{
	[ "$(items "$@" | wc -l)" -ge 100 ] || echo "fewer than 100 items in $*"
	[ "$(items "$@" | grep -c ' error ')" -ge 35 ] || echo "fewer than 35 errors in $*"
}

list=$(mktemp) || exit 1
trap 'rm -f -- "$list"' EXIT
echo 1..5
verdict 'every request, event and error has a row' "$(without_row "$@")"
verdict 'every row is one of them' "$(without_item "$@")"
verdict 'none has two' "$(twice)"
verdict 'every test exists' "$(missing_tests)"
verdict 'the files were read' "$(too_few "$@")"
exit $failed
