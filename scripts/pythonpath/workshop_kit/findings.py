"""Everything that make doctor and make check can find, by number: the closed list of what a room is told (in_room.py).

A sentence here is as it stands in the code, with … for what is filled in there: files, names and addresses stay on the
learner's machine. make doctor's own list is in scripts/doctor.sh, where a line is a number. A number is never used
again, for the room may have another version of the kit; a new sentence gets the next one.
"""

import re
from collections.abc import Iterable
from functools import cache

from workshop_kit.examples import KIT

PROMISE, MISTAKE = 100, 200  # when a sentence has no number of its own
SENTENCES = {
    # What make check says of what runs.
    100: "another promise of make check does not hold",
    101: "runs of … completed: …, of the newest … runs",
    102: "no run failed",
    103: "the database has a row for each of them",
    104: "the newest has a page: …/runs/task-run/…",
    105: "task servers subscribed to …: … of …",
    106: "each of them is at work, and none is a stopped process",
    107: "no run waits for code that nobody serves",
    108: "no run waits for the place of one that waits for it",
    109: "no run is left Running by a task server that is dead",
    110: "no run is forgotten: each has ended, is under way, or waits its turn",
    111: "the newest … runs are spread over task servers: …",
    112: "its /docs page needs no network",
    113: "the page is there: …",
    114: "their … task runs completed",
    115: "the database has a row for each of these runs",
    116: "each has a workspace of ten things",
    117: "each got one email, and not two",
    118: "each is enrolled once",
    119: "… answers: …",
    120: "somebody has signed up: … (the newest 20 at the most)",
    121: "it has none of the mistakes that the kit knows",
    122: "each was run by a task server that is on record",
    123: "there is room for more runs",
    124: "the Prefect server is healthy: …",
    125: "other machines find one port here: …",
    126: "without the code it answers nothing but its health",
    127: "what is stored for other machines is plain JSON",
    128: "… answers at …, with the certificate of the code",
    129: "task servers of this machine, …: …",
    130: "it has POST /task",
    131: "it answers 404 for a run that does not exist",
    132: "the web app answers: …",
    133: "it returns the result of a completed run",
    134: "its page needs no network",
    135: "it returns an answer, and says what answered",
    136: "each of them has shipped its parcel, and only one: …",
    137: "a rescuer is up",
    138: "the Prefect API answers every question",
    # What is said of a learner's code.
    200: "another mistake in the code",
    201: "…() in a task needs a keyboard, which a task server of an example does not have",
    202: "… of this file is another class in the task server than where it is submitted",
    203: "is no valid Python: …",
    204: "hides Python's own module ……",
    205: "hides the package ……",
    206: "there is no module …",
    207: "… has no …",
    208: "serve is reached outside of `…`, so every import of this file starts a task server, and hangs",
    209: "the key of … is not the one that make check looks for, ……",
    210: "has no …, which the kit's commands submit to",
    211: "the program ends without coming to a serve(…), and a task server stays",
    212: "ends with … before it serves",
    213: "serve() is given no task",
    214: "serve has no option …",
    215: "serve needs tasks, and is given … …",
    216: "…=… is no number",
    217: "limit=… is no whole number",
    218: "fails as it starts: …: …",
    219: "TaskServer is called TaskWorker in Prefect 3",
    220: "prefect.tasks is a module, the decorator is `task`",
    221: "prefect.serve is for deployments of flows, and does not take a task",
    222: "there is no …: Prefect 3 says …",
    223: "`from .… import …` works in a package only, and this folder is not one",
    224: "the package … is not installed",
    225: "has no app, which the example starts",
    226: "… is used and not imported",
    227: "… is not defined",
    228: "… to be written",
    229: "is not there",
    230: "cannot be judged (…), which is the kit's mistake",
    231: "nothing serves the task, so the task server would end at once",
    232: "serve stands outside of `…`, so every import of this file starts a task server, and hangs",
    233: "serve needs the task itself; …() calls it",
    234: "… is text here, as all that comes from the environment is",
    235: "serve needs the task itself, not its name",
    236: "serve needs the tasks themselves, not a list of them",
    237: "aserve(…) without await does nothing",
    238: "serve is not given …, whose runs would wait without end",
    239: "__name__ is never …, so what stands below this line never runs",
    240: "…() calls the task; … is a method of the task itself",
    241: "example 1 has no task server, which ….…(…) is for",
    242: "….map(…) without deferred=True works in a flow only",
    243: "…(…) runs the task here, in this program, and not on a task server",
    244: "….submit(…) works in a flow only",
    245: "….map needs a list with a value for each run, and gets none",
    246: "… needs …, which this run is not given",
    247: "… takes … argument(s), and this run is given …",
    248: "…(…) cannot be awaited: it submits at once, and gives back a future",
    249: "… without parentheses submits nothing",
    250: "… without parentheses is always true",
    251: "… is defined in … too; this one is another task, which nobody serves",
    252: "sets PREFECT_API_URL…, and …",
    253: "takes PREFECT_API_URL away, and …",
    254: "… is not a task yet",
    255: "@keyed belongs above @task, for it needs a task",
    256: "task_run_name is filled in for each run, by Prefect: here there is no such name yet",
    257: "task_run_name has {…}, and … has no parameter of that name",
    258: "keyed needs a namespace",
    259: "… takes other arguments than the kit's commands give it: …",
    260: "…(…) without await gives no answer",
    261: "… is asynchronous, so calling it so does nothing",
    262: 'opens a file with "w", so a run that is started again ships a second time',
}
# A promise says what should hold; this is what is so where it does not.
BROKEN = {
    101: "no run of the example's task has completed",
    102: "a run failed",
    103: "a run is not in the database",
    104: "the newest run has no page",
    105: "fewer task servers are subscribed than were started",
    106: "a task server is stopped (kill -STOP, Ctrl-Z)",
    107: "runs wait for code that nobody serves",
    108: "a run waits for the place of one that waits for it",
    109: "a run is Running on a task server that is dead",
    110: "a run is forgotten: it is in no queue",
    111: "all runs went to one task server",
    112: "the web app's /docs page is not there, or needs a network",
    113: "the page of example 4 is not there",
    114: "a task of a sign-up has not completed",
    115: "a sign-up's run is not in the database",
    116: "a user's workspace has not ten things",
    117: "a user got no email, or two",
    118: "a user is not enrolled, or twice",
    119: "a service of example 4 does not answer",
    120: "nobody has signed up",
    121: "mistakes in the code",
    122: "a run was run by nobody who is on record",
    123: "the disk is full",
    124: "nothing is running: the Prefect server does not answer",
    125: "more than one port is open to others",
    126: "the port answers without the code",
    127: "what is stored is not plain JSON",
    128: "the other machine does not answer",
    129: "no task server here serves there",
    130: "the web app has no POST /task",
    131: "the web app does not answer 404 for a run that is not there",
    132: "the web app does not answer",
    133: "the web app does not give the result",
    134: "the page of example 5 needs a network",
    135: "the answer of example 5 is not there",
    136: "a run has not shipped its parcel",
    137: "no rescuer is up",
    138: "the Prefect API did not answer every question",
}
ANOTHER = {SENTENCES[PROMISE], SENTENCES[MISTAKE]}
# What follows from something else, so that a call is about that: the later, the less it says.
FOLLOWS = [101, 124]
LARGEST = 999


@cache
def _of_doctor() -> dict[int, str]:
    text = (KIT / "scripts" / "doctor.sh").read_text(encoding="utf-8")
    lines = re.search(r'^FINDINGS="\\\n(.*?)"$', text, re.M | re.S)[1].splitlines()
    return {number: line.split(" | ")[0].split(" ", 2)[2].replace("%s", "…") for number, line in enumerate(lines, 1)}


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, sentence.split("…"))), re.S)


def number_of(said: str, otherwise: int) -> int:
    """The number of a sentence in which everything is filled in. otherwise: PROMISE or MISTAKE, and whose it is."""
    fitting = {
        number: len(sentence.replace("…", ""))
        for number, sentence in SENTENCES.items()
        if number // 100 == otherwise // 100 and _pattern(sentence).fullmatch(said)
    }
    return max(fitting, key=fitting.__getitem__, default=otherwise)


def mistakes_but(said: Iterable[str]) -> set[int]:
    """The numbers of all mistakes in code, without those of these sentences: what is right when the code was judged."""
    wrong = {number_of(each, MISTAKE) for each in said}
    return {number for number in SENTENCES if number >= MISTAKE} - wrong


def sentence(number: int) -> str:
    """What a number means, for people; empty for one that this version does not know."""
    return (BROKEN.get(number) or SENTENCES.get(number) or _of_doctor().get(number, "")).replace("……", "…")
