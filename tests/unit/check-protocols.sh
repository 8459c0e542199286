#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # backquotes are what is looked for
# check-protocols.sh SOURCE XML...: docs/protocols.md has a row for each request,
# event and error of the XML files, none for anything else, and in each row tests
# that exist. A row whose `since` is above the interface's version in an XML file
# waits for a newer one.
set -u
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
cd "$1" || exit 1
shift
doc=docs/protocols.md

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
	items "$@" | awk -v rows="$rows" '
		BEGIN { while ((getline <rows) > 0) have[$1 " " $2] = 1 }
		!(($1 " " $2) in have) { print "the " $2 " " $1 " (version " $3 ")" }'
}

without_item()
{
	items "$@" | awk -v rows="$rows" '
		{ have[$1 " " $2] = 1; version[substr($1, 1, index($1, ".") - 1)] = $3 }
		END {
			while ((getline <rows) > 0) {
				known = version[substr($1, 1, index($1, ".") - 1)]
				if (!(($1 " " $2) in have) && !(known != "" && $3 > known + 0))
					print "the " $2 " " $1 " (" $4 ")"
			}
		}'
}

twice()
{
	rows | awk '{ print $1 }' | sort | uniq -d
}

# What is named and does not exist; those of the text above the tables, too.
missing_tests()
{
	awk 'NF < 4 { print "the " $2 " " $1 " of version " $3 " has none" }' "$rows"
	{
		cut -d ' ' -f 4- "$rows"
		grep -v '^| ' "$doc" | grep -o '`[a-z]*/test_[a-z0-9_]*:[a-z0-9_]*`' | tr -d '`'
	} | tr -s ' ' '\n' | sort -u | awk -v tests="$tests" '
		BEGIN { while ((getline <tests) > 0) have[$1] = 1 }
		$1 != "" && !($1 in have) { print "there is no " $1 }'
}

# What reads nothing finds nothing wrong.
too_few()
{
	[ "$(items "$@" | wc -l)" -ge 100 ] || echo "fewer than 100 items in $*"
	[ "$(items "$@" | grep -c ' error ')" -ge 35 ] || echo "fewer than 35 errors in $*"
}

folder=$(mktemp -d) || exit 1
trap 'rm -rf -- "$folder"' EXIT
rows=$folder/rows
tests=$folder/tests
rows | awk '{ $1 = $1; print }' >"$rows"
grep -H '^TEST(' tests/*/test_*.c | sed 's|^tests/||; s|\.c:TEST(|:|; s|).*||' >"$tests"
echo 1..5
verdict 'every request, event and error has a row' "$(without_row "$@")"
verdict 'every row is one of them' "$(without_item "$@")"
verdict 'none has two' "$(twice)"
verdict 'every test exists' "$(missing_tests)"
verdict 'the files were read' "$(too_few "$@")"
exit $failed
