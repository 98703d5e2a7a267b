"""Everything that make doctor and make check can find, by number: the closed list of what a room is told (in_room.py).

What is filled into a sentence (files, names, addresses) stays on the learner's machine: the room gets the number, and
shows … in their place. What make doctor finds is in machine.py. A number is never used again, for the room may have
another version of the kit; a new sentence gets the next one.
"""

from collections.abc import Iterable
from enum import Enum, unique

from workshop_kit.machine import Machine


class Said(str):
    """A sentence with everything filled in, which knows its number."""

    number: int

    def __new__(cls, number: int, text: str) -> "Said":
        said = super().__new__(cls, text)
        said.number = number
        return said


@unique
class Mistake(Enum):
    """What is said of a learner's code: the number, and the sentence with {} for what is filled in."""

    OTHER = 200, "another mistake in the code"
    KEYBOARD = 201, "{}() in a task needs a keyboard, which a task server of an example does not have"
    OWN_CLASS = (
        202,
        "{} of this file is another class in the task server than where it is submitted, so that `is`, `==` and "
        "isinstance fail",
    )
    NO_PYTHON = 203, "is no valid Python: {}"
    HIDES_PYTHONS_OWN = 204, "hides Python's own module {}{}"
    HIDES_PACKAGE = 205, "hides the package {}{}"
    NO_MODULE = 206, "there is no module {}"
    NO_SUCH_NAME = 207, "{} has no {}"
    SERVE_REACHED_BY_IMPORT = (
        208,
        "serve is reached outside of `{}`, so every import of this file starts a task server, and hangs",
    )
    OTHER_KEY = 209, "the key of {} is not the one that make check looks for, {}…"
    NO_TASK_OF_THE_EXAMPLE = 210, "has no {}, which the kit's commands submit to"
    ENDS_WITHOUT_SERVE = 211, "the program ends without coming to a serve(…), and a task server stays"
    ENDS_BEFORE_SERVE = 212, "ends with {} before it serves"
    SERVE_WITHOUT_TASK = 213, "serve() is given no task"
    SERVE_HAS_NO_OPTION = 214, "serve has no option {}"
    SERVE_NEEDS_TASKS = 215, "serve needs tasks, and is given {} {}"
    NO_NUMBER = 216, "{}={} is no number"
    NO_WHOLE_NUMBER = 217, "limit={} is no whole number"
    FAILS_AT_START = 218, "fails as it starts: {}: {}"
    TASK_SERVER_CLASS = 219, "TaskServer is called TaskWorker in Prefect 3"
    TASKS_IS_A_MODULE = 220, "prefect.tasks is a module, the decorator is `task`"
    SERVE_OF_FLOWS = 221, "prefect.serve is for deployments of flows, and does not take a task"
    OLD_MODULE = 222, "there is no {}: Prefect 3 says {}"
    RELATIVE_IMPORT = 223, "`from .{} import …` works in a package only, and this folder is not one"
    PACKAGE_NOT_INSTALLED = 224, "the package {} is not installed"
    NO_APP = 225, "has no app, which the example starts"
    NOT_IMPORTED = 226, "{} is used and not imported"
    NOT_DEFINED = 227, "{} is not defined"
    TO_BE_WRITTEN = 228, "{} to be written"
    NOT_THERE = 229, "is not there"
    NOT_JUDGED = 230, "cannot be judged ({}), which is the kit's mistake"
    NOTHING_SERVES = 231, "nothing serves the task, so the task server would end at once"
    SERVE_OUTSIDE_OF_MAIN = (
        232,
        "serve stands outside of `{}`, so every import of this file starts a task server, and hangs",
    )
    SERVE_GIVEN_A_CALL = 233, "serve needs the task itself; {}() calls it"
    OPTION_IS_TEXT = 234, "{} is text here, as all that comes from the environment is"
    SERVE_GIVEN_A_NAME = 235, "serve needs the task itself, not its name"
    SERVE_GIVEN_A_LIST = 236, "serve needs the tasks themselves, not a list of them"
    ASERVE_NOT_AWAITED = 237, "aserve(…) without await does nothing"
    NOT_SERVED = 238, "serve is not given {}, whose runs would wait without end"
    NEVER_MAIN = 239, "__name__ is never {}, so what stands below this line never runs"
    SUBMITS_A_CALL = 240, "{}() calls the task; {} is a method of the task itself"
    NO_TASK_SERVER_HERE = 241, "example {} has no task server, which {}.{}(…) is for"
    MAP_NOT_DEFERRED = 242, "{}.map(…) without deferred=True works in a flow only"
    RUNS_HERE = 243, "{}(…) runs the task here, in this program, and not on a task server"
    SUBMIT_IN_A_FLOW = 244, "{}.submit(…) works in a flow only"
    MAP_WITHOUT_VALUES = 245, "{}.map needs a list with a value for each run, and gets none"
    PARAMETER_MISSING = 246, "{} needs {}, which this run is not given"
    TOO_MANY_ARGUMENTS = 247, "{} takes {} argument(s), and this run is given {}"
    FUTURE_AWAITED = 248, "{}(…) cannot be awaited: it submits at once, and gives back a future"
    NOT_CALLED = 249, "{} without parentheses submits nothing"
    ALWAYS_TRUE = 250, "{} without parentheses is always true"
    DEFINED_AGAIN = 251, "{} is defined in {} too; this one is another task, which nobody serves"
    SETS_ADDRESS = 252, "sets PREFECT_API_URL{}, and {}"
    TAKES_ADDRESS_AWAY = 253, "takes PREFECT_API_URL away, and {}"
    NOT_A_TASK = 254, "{} is not a task yet"
    KEYED_BELOW_TASK = 255, "@keyed belongs above @task, for it needs a task"
    RUN_NAME_TOO_EARLY = 256, "task_run_name is filled in for each run, by Prefect: here there is no such name yet"
    RUN_NAME_UNKNOWN = 257, "task_run_name has {{{}}}, and {} has no parameter of that name"
    KEYED_WITHOUT_NAMESPACE = 258, "keyed needs a namespace"
    OTHER_PARAMETERS = 259, "{} takes other arguments than the kit's commands give it: {}"
    NOT_AWAITED = 260, "{}(…) without await gives no answer"
    ASYNC_CALLED_PLAINLY = 261, "{} is asynchronous, so calling it so does nothing"
    SHIPS_AGAIN = 262, 'opens a file with "w", so a run that is started again ships a second time'

    def __init__(self, number: int, sentence: str) -> None:
        self.number, self.sentence = number, sentence

    def __call__(self, *words: object) -> Said:
        """The sentence about these: Mistake.NOT_DEFINED("name")."""
        return Said(self.number, self.sentence.format(*words))

    @property
    def shown(self) -> str:
        """The sentence for those who do not know what it is about."""
        return self.sentence.format(*["…"] * self.sentence.count("{}")).replace("……", "…")


@unique
class Promise(Enum):
    """What make check says of what runs: the number, what should hold, and what is so where it does not.

    An example may promise more (its promises.py), in sentences that have no number here: they count as OTHER.
    """

    OTHER = 100, "another promise of make check does not hold", ""
    RUNS_COMPLETED = (
        101,
        "runs of {} completed: {}, of the newest {} runs",
        "no run of the example's task has completed",
    )
    NONE_FAILED = 102, "no run failed", "a run failed"
    ROWS_OF_RUNS = 103, "the database has a row for each of them", "a run is not in the database"
    PAGE_OF_RUN = 104, "the newest has a page: {}/runs/task-run/{}", "the newest run has no page"
    SUBSCRIBED = 105, "task servers subscribed to {}: {}", "fewer task servers are subscribed than were started"
    NONE_STOPPED = (
        106,
        "each of them is at work, and none is a stopped process",
        "a task server is stopped (kill -STOP, Ctrl-Z)",
    )
    CODE_IS_SERVED = 107, "no run waits for code that nobody serves", "runs wait for code that nobody serves"
    NO_DEADLOCK = (
        108,
        "no run waits for a slot held by a run that waits for it",
        "a run waits for a slot held by a run that waits for it",
    )
    NONE_ORPHANED = (
        109,
        "no run is left Running by a task server that is dead",
        "a run is Running on a task server that is dead",
    )
    NONE_FORGOTTEN = (
        110,
        "no run is forgotten: each has ended, is under way, or waits its turn",
        "a run is forgotten: it is in no queue",
    )
    SPREAD = 111, "the newest {} runs are spread over task servers: {}", "all runs went to one task server"
    DOCS_OFFLINE = 112, "its /docs page needs no network", "the web app's /docs page is not there, or needs a network"
    PAGE_THERE = 113, "the page is there: {}", "the page of example 4 is not there"
    SIGNUPS_COMPLETED = 114, "their {} task runs completed", "a task of a sign-up has not completed"
    ROWS_OF_SIGNUPS = 115, "the database has a row for each of these runs", "a sign-up's run is not in the database"
    WORKSPACES = 116, "each has a workspace of ten things", "a user's workspace has not ten things"
    ONE_EMAIL = 117, "each got one email, and not two", "a user got no email, or two"
    ONE_ENROLMENT = 118, "each is enrolled once", "a user is not enrolled, or twice"
    SERVICE_ANSWERS = 119, "{} answers: {}", "a service of example 4 does not answer"
    SOMEBODY_SIGNED_UP = 120, "somebody has signed up: {} (the newest 20 at the most)", "nobody has signed up"
    NO_MISTAKES = 121, "it has none of the mistakes that the kit knows", "mistakes in the code"
    ON_RECORD = 122, "each was run by a task server that is on record", "a run was run by nobody who is on record"
    DISK_HAS_SPACE = 123, "there is disk space for more runs", "the disk is full"
    HEALTHY = 124, "the Prefect server is healthy: {}", "nothing is running: the Prefect server does not answer"
    ONE_PORT = 125, "other machines find one port here: {}", "more than one port is open to others"
    NOTHING_WITHOUT_CODE = (
        126,
        "without the code it answers nothing but its health",
        "the port answers without the code",
    )
    PLAIN_JSON = 127, "what is stored for other machines is plain JSON", "what is stored is not plain JSON"
    OTHER_MACHINE_ANSWERS = (
        128,
        "{} answers at {}, with the certificate of the code",
        "the other machine does not answer",
    )
    SERVES_THERE = 129, "task servers of this machine, {}: {}", "no task server here serves there"
    POST_TASK = 130, "it has POST /task", "the web app has no POST /task"
    UNKNOWN_RUN_404 = (
        131,
        "it answers 404 for a run that does not exist",
        "the web app does not answer 404 for a run that is not there",
    )
    WEB_APP_ANSWERS = 132, "the web app answers: {}", "the web app does not answer"
    RESULT_GIVEN = 133, "it returns the result of a completed run", "the web app does not give the result"
    PAGE_OFFLINE = 134, "its page needs no network", "the page of example 5 needs a network"
    ANSWER_GIVEN = 135, "it returns an answer, and says what answered", "the answer of example 5 is not there"
    SHIPPED_ONCE = 136, "each of them has shipped its parcel, and only one: {}", "a run has not shipped its parcel"
    RESCUER_UP = 137, "a rescuer is up", "no rescuer is up"
    API_ANSWERS = 138, "the Prefect API answers every question", "the Prefect API did not answer every question"
    AT_OWN_ADDRESS = (
        139,
        "the address for other machines is this machine's: {}",
        "the address for other machines is not this machine's any more",
    )

    def __init__(self, number: int, sentence: str, broken: str) -> None:
        self.number, self.sentence, self.broken = number, sentence, broken

    def __call__(self, *words: object) -> Said:
        """The promise about these."""
        return Said(self.number, self.sentence.format(*words))


_MACHINE = {finding.number: finding for finding in Machine}
_MISTAKES = {mistake.number: mistake for mistake in Mistake}
_PROMISES = {promise.number: promise for promise in Promise}
# What follows from something else, so that a call is about that: the later, the less it says.
FOLLOWS = [Promise.RUNS_COMPLETED.number, Promise.HEALTHY.number]
LARGEST = 999


def mistakes_except(said: Iterable[Said]) -> set[int]:
    """The numbers of all mistakes in code, without those of these sentences: what is right when the code was judged."""
    return _MISTAKES.keys() - {each.number for each in said}


def sentence(number: int) -> str:
    """What a number means, for people; empty for one that this version does not know."""
    if mistake := _MISTAKES.get(number):
        return mistake.shown
    if promise := _PROMISES.get(number):
        return promise.broken or promise.sentence
    finding = _MACHINE.get(number)
    return finding.shown if finding else ""
