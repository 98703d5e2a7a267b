#!/usr/bin/env bats
# make pictures: the READMEs' pictures are of the real thing, small, and fetch nothing.
# bats file_tags=pictures

load ../helpers/base

setup() {
  own_kit
  export TMPDIR=$BATS_TEST_TMPDIR/tmp OUT=$BATS_TEST_TMPDIR/out
  mkdir "$TMPDIR" "$OUT"
}
teardown() { stop_and_check; }

# FILE... -> each is a picture of its kind, under 300 KB, and holds no address but this machine's
good_pictures() {
  "$PYTHON_OF_TESTS" - "$@" <<'PYTHON'
import re, socket, sys
from pathlib import Path
from xml.etree import ElementTree

for path in map(Path, sys.argv[1:]):
    picture = path.read_bytes()
    assert 2_000 < len(picture) < 300 * 1024, f"{path} has {len(picture)} bytes"
    if path.suffix == ".png":
        assert picture.startswith(b"\x89PNG\r\n"), f"{path} is no PNG"
        continue
    text = picture.decode()
    assert ElementTree.fromstring(text).tag.endswith("}svg"), f"{path} is no SVG"
    hosts = set(re.findall(r"[a-z]+://([^/:\"'<\s]+)", text)) - {"127.0.0.1", "www.w3.org"}  # the latter names SVG itself
    assert not hosts, f"{path} names {hosts}"
    words = re.findall(r"[\w./-]+", text)
    assert socket.gethostname() not in words, f"{path} names this machine"
    assert not [word for word in words if word.startswith(("/tmp/", "/root", "/home/"))], f"{path} names a folder"
PYTHON
}

# what the pictures started and did not end
# shellcheck disable=SC2009
left_of_pictures() { ps axeww -o command= | grep -F "WORKSHOP_HOME=$TMPDIR/pictures-" | grep -F ' WORKSHOP_SETS=' | grep -v grep; }

# bats test_tags=long
@test "a page and a terminal are pictured, beside an example of yours, with the default ports on them" {
  need_chromium
  start_example 2 SERVERS=1
  ok make pictures EX=1
  ok make pictures EX=2 LIMIT=none # your settings are not theirs
  good_pictures "$OUT/ex1-run.png" "$OUT/ex2.svg" "$OUT/ex2-watch.svg"
  grep -q 'http://127.0.0.1:4200' "$OUT/ex2.svg"
  for text in task_server.1 task_server.2 'Slartibartfast&#160;18' '20&#160;of&#160;20&#160;runs&#160;completed'; do
    grep -q "$text" "$OUT/ex2.svg"
  done
  grep -q laptop "$OUT/ex2-watch.svg"
  is "$(ls "$TMPDIR")" '' 'what is left in TMPDIR'
  ok make status # the example of ours goes on
}

@test "Ctrl-C leaves nothing behind; wrong values and a machine without Chromium get one line" {
  start pictures make pictures EX=2
  within 30 eval 'ls "$TMPDIR"/pictures-*/run/task_server.1.pids'
  kill -INT -- "-$pictures_pid"
  within 40 gone "$pictures_pid"
  within 5 eval '[ -z "$(left_of_pictures)" ]'
  is "$(ls -d "$TMPDIR"/pictures-* 2>/dev/null)" '' 'kits that are left'
  refused 'make pictures EX=2' make pictures EX=9
  refused 'OUT=docs' make pictures EX=2 OUT=/nowhere
  only "$BATS_TEST_TMPDIR/bin" "${BASICS[@]}"
  PATH=$BATS_TEST_TMPDIR/bin refused 'apt install chromium' make pictures EX=1
}

@test "every picture in docs/ is one, and a README shows it; every picture that a README shows is there, with a text" {
  good_pictures docs/*.svg docs/*.png
  "$PYTHON_OF_TESTS" - <<'PYTHON'
import re
from pathlib import Path

shown = set()
for page in [*Path().glob("*.md"), *Path("examples").glob("*/*.md"), *Path("docs").glob("*.md")]:
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", page.read_text()):
        assert len(alt) > 20, f"{page}: {target} has no text for those who cannot see it"
        assert (page.parent / target).is_file(), f"{page} shows {target}, which is not there"
        shown.add((page.parent / target).resolve())
unseen = {path.resolve() for path in Path("docs").iterdir() if path.suffix in (".svg", ".png")} - shown
assert not unseen, f"no README shows {unseen}"
for pictures in Path("examples").glob("*/pictures.py"):
    page = pictures.with_name("README.md")
    assert "](../../docs/ex" in page.read_text(), f"{page} shows no picture (make pictures EX=N)"
PYTHON
}
