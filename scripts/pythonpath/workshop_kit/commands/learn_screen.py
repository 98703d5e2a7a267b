"""What `make learn` shows: one screen, in the terminal's own colours. Bold and a sign beside each word, no colour."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from workshop_kit.examples import EXAMPLES
from workshop_kit.learners import progress, steps
from workshop_kit.learners.steps import Step

KEYS = "h hint · n go on · l all steps · s finished code · x this step again · q leave"
BACK = "any key: back"


@dataclass
class Page:
    """One state of the screen."""

    ex: int
    step: Step | None  # the one to do; None when all are done
    marks: dict[int, str]  # ✓, – or · by place
    sentence: str  # what matters now
    type_next: str = ""
    example: str = ""  # what the running example does
    hints: Sequence[str] = ()
    news: str = ""  # of the last key
    closing: list[str] = field(default_factory=list)  # when all is done

    def lines(self) -> list[str]:
        """The same for who has no screen: what changed last comes last."""
        where = f"step {self.step.number} of {steps.of(self.ex)[-1].number}: {self.step.title}" if self.step else ""
        todo = [self.step.text] if self.step else self.closing
        hints = [f"hint {grade}: {hint}" for grade, hint in enumerate(self.hints, 1)]
        last = [f"type next: {self.type_next}"] if self.type_next else []
        return [line for line in (self.news, where, *todo, *hints, self.sentence, *last) if line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Steps fill what the rest leaves: with the current one in the middle, when there are more."""
        last = steps.of(self.ex)[-1].number
        title = Text(f"example {self.ex}: {EXAMPLES[self.ex].title}", style="bold")
        number = Text(f"step {self.step.number} of {last}" if self.step else "all steps are done", justify="right")
        head = Table.grid(expand=True)
        head.add_column(overflow="ellipsis", no_wrap=True)
        head.add_column(justify="right", no_wrap=True)
        head.add_row(title, number)
        below: list[Any] = [Rule(style=""), Text(self.sentence, style="bold")]
        below += [Padding(Text(line), (0, 0, 0, 2)) for line in ([self.step.text] if self.step else self.closing)]
        if self.type_next:
            below.append(Text.assemble("type next, in another terminal: ", (self.type_next, "bold")))
        below += [Text(f"hint {grade}: {hint}") for grade, hint in enumerate(self.hints, 1)]
        below += [Text(line) for line in (self.example, self.news) if line]
        below += [Rule(style=""), Text(KEYS)]
        height = options.max_height or console.height
        height_left = height - 2 - len(console.render_lines(Group(*below), options.update(height=None)))
        above = [head, Rule(style=""), *self._steps(max(1, height_left))]
        yield from _cropped(console, options, Group(*above, *below), height)

    def _steps(self, lines: int) -> list[Text]:
        every = steps.of(self.ex)
        at = self.step.place - 1 if self.step else len(every) - 1
        first = max(0, min(at - lines // 2, len(every) - lines))
        return [self._step(step) for step in every[first : first + lines]]

    def _step(self, step: Step) -> Text:
        here = self.step and step.place == self.step.place
        mark = "▸" if here else self.marks.get(step.place, "·")
        return Text(f"{mark} {step.number} {step.title}", "bold" if here else "", no_wrap=True, overflow="ellipsis")


@dataclass
class Finished:
    """The lines that the finished file has in a step."""

    step: Step

    def lines(self) -> list[str]:
        return self.text().splitlines()

    def text(self) -> str:
        if not self.step.file:
            return f"step {self.step.number} writes no file: {self.step.text}"
        code = "\n…\n".join(part.strip("\n") for part in self.step.code)
        return f"step {self.step.number}, {self.step.file}:\n\n{code}\n"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = Group(Text(self.text()), Rule(style=""), Text(BACK))
        yield from _cropped(console, options, page, options.max_height or console.height)


@dataclass
class Everything:
    """How far a learner is in all examples; and the hints that were given in this one."""

    said: dict[str, dict[str, Any]]
    ex: int = 0

    def lines(self) -> list[str]:
        out = []
        for ex, example in EXAMPLES.items():
            every = steps.of(ex)
            done = sum(step.number in self.said["done"] for step in every)
            minutes = self.said["seconds"].get(str(ex), 0) // 60
            spent = f", {minutes} min" if minutes else ""
            out.append(f"example {ex}: {example.title}: {done} of {len(every)} steps{spent}")
            out.append("  " + " ".join(f"{progress.sign(step, self.said)} {step.number}" for step in every))
        for step in reversed(steps.of(self.ex) if self.ex else []):
            if given := self.said["hints"].get(step.number, 0):
                out += [f"hint for {step.number}: {hint}" for hint in step.hints[:given]]
        return out

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = Group(*map(Text, self.lines()))
        height = options.max_height or console.height
        yield from _cropped(console, options, page, height - 2)
        yield Segment.line()
        yield from _cropped(console, options, Group(Rule(style=""), Text(BACK)), 2)


def _cropped(console: Console, options: ConsoleOptions, page: Any, height: int) -> RenderResult:
    """As many lines as fit, and no more: a terminal that scrolls loses its first lines."""
    lines = console.render_lines(page, options.update(height=None), pad=False)[:height]
    for index, line in enumerate(lines):
        yield from line
        if index + 1 < len(lines):
            yield Segment.line()
