#!/bin/sh
# Runs one step of make: one line with its seconds when it is done; its own words only if it fails.
#   sh local/step.sh TITLE COMMAND...
title=$1
shift
words=$(mktemp) || exit 1
trap 'rm -f "$words"' EXIT
trap 'exit 130' INT
[ -t 1 ] && printf '[   ...  ] %s\r' "$title"
start=$(date +%s)
"$@" >"$words" 2>&1
code=$?
seconds=$(($(date +%s) - start))
if [ "$code" -eq 0 ]; then
    printf '[%5d s] %s\n' "$seconds" "$title"
else
    printf '[failed ] %s, after %d s:\n' "$title" "$seconds"
    cat "$words"
fi
exit "$code"
