#!/usr/bin/env bash
# Builds durable as a package, a wheel in dist/: the same source makes the same bytes. No network is needed.
#
# OUT=…   the folder to write it into (default dist)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
out=${OUT:-dist}
set_up core
mkdir -p "$out" 2>/dev/null && [ -w "$out" ] || fail "cannot write to $out" 'make wheel OUT=/a/folder/of/yours'
# The oldest time that a zip can hold: of when a file was checked out nothing may be left in the wheel.
built=$(SOURCE_DATE_EPOCH=315532800 "$VENV/bin/python" -P -m flit_core.wheel --outdir "$out" "$KIT/durable")
say "built ${built##*Wheel built }"
