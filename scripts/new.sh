#!/usr/bin/env bash
# Writes a project of your own, which stands without the kit: a web app, task servers, their tests, and a compose file.
#
# DIR=…    the folder: not there yet, or empty, and not in the kit
# NAME=…   the project's Python name (default: the folder's name)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
[ -n "${DIR:-}" ] || fail 'which folder? DIR is missing' 'make new DIR=../shop'
case $DIR in
  "~"/*) folder=$HOME/${DIR#??} ;;
  /*) folder=$DIR ;;
  *) folder=$KIT/$DIR ;;
esac
while [ "$folder" != / ] && [ "${folder%/}" != "$folder" ]; do folder=${folder%/}; done
case $folder in *$'\n'* | */. | */..) fail "DIR='$DIR' is not the name of a new folder" 'make new DIR=../shop' ;; esac
[ -d "$(dirname "$folder")" ] || fail "DIR='$DIR' is in a folder that is not there" "mkdir -p, or make new DIR=../shop"
folder=$(cd "$(dirname "$folder")" && pwd -P)/$(basename "$folder")
[ ! -d "$folder" ] || folder=$(cd "$folder" && pwd -P)
case $folder/ in "$KIT"/*) fail "DIR='$DIR' is inside the kit, and the project is to stand without it" 'make new DIR=../shop' ;; esac
if [ -e "$folder" ] || [ -L "$folder" ]; then
  [ -d "$folder" ] && [ -z "$(ls -A "$folder")" ] || fail "DIR='$DIR' is there already, and is not an empty folder" 'make new DIR=../shop'
fi
[ -w "$(dirname "$folder")" ] && { [ ! -d "$folder" ] || [ -w "$folder" ]; } || fail "cannot write to DIR='$DIR'" 'make new DIR=/a/folder/of/yours'

name=${NAME-$(basename "$folder")}
[[ $name =~ ^[a-z][a-z0-9_]{0,40}$ ]] ||
  fail "'$name' is not a name for a Python package: small letters, digits and _" "make new DIR=… NAME=shop"
"$KIT/scripts/setup.sh" core
why=$("$VENV/bin/python" -P -m workshop_kit.commands.project_name "$name" "$KIT"/template/requirements*.txt)
[ -z "$why" ] || fail "'$name' $why" "make new DIR=… NAME=my_$name"

# Beside its place first, so that a disk that is full leaves nothing there.
mkdir -p "$folder"
new=$(mktemp -d "$(dirname "$folder")/.new-XXXXXX")
trap 'rm -rf "$new"; rmdir "$folder" 2>/dev/null || true' EXIT
cp -R "$KIT/template/." "$new/"
# What somebody who tried the template itself may have left there.
find "$new" \( -name __pycache__ -o -name '.*_cache' -o -name .venv -o -name data -o -name secrets \) -prune -exec rm -rf {} +
[ "$name" = my_service ] || mv "$new/src/my_service" "$new/src/$name"
find "$new" -type f ! -name 'requirements*.txt' -exec grep -l my_service {} + | while IFS= read -r file; do
  sed "s/my_service/$name/g" "$file" >"$new/replaced"
  cat "$new/replaced" >"$file" # keeps the file's mode
done
rm -f "$new/replaced"
OUT=$new/vendor "$KIT/scripts/wheel.sh" 2>/dev/null || fail 'the wheel of durable could not be built' 'make wheel'
for wheel in "$new"/vendor/*.whl; do
  sum=$("$VENV/bin/python" -P -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$wheel")
  printf './vendor/%s --hash=sha256:%s\n' "$(basename "$wheel")" "$sum" >>"$new/requirements.txt"
done
rmdir "$folder"
chmod 755 "$new"
mv "$new" "$folder"
trap - EXIT
files=$(find "$folder" -type f | wc -l) lines=$(find "$folder" -type f ! -name 'requirements*.txt' ! -name '*.whl' -exec cat {} + | wc -l)
printf 'written: %s, %d files and %d lines without the locks, with no path into the kit\n' "$folder" "$files" "$lines"
printf 'next: cd %q && make test, then make dev\n' "$folder"
