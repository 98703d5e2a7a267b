"""Which signals count as one wish, and which as two."""

import asyncio
import signal

import pytest

from durable import signals

TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        ([(0, TERM)], [0]),
        ([(0, INT), (0.1, TERM)], [0]),  # make passes on a Ctrl-C that its whole group has received
        ([(0, INT), (0.3, INT)], [0, 0.3]),  # two Ctrl-C are two
        ([(0, TERM), (0.5, TERM), (1.0, TERM), (1.5, TERM), (2.0, TERM)], [0, 1.0, 2.0]),  # one repeats it
        ([(0, TERM), (0.9, INT), (1.1, TERM)], [0, 1.1]),
    ],
)  # fmt: skip
def test_what_counts(sent: list[tuple[float, int]], counted: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_last", (0, -100.0))
    heard = []

    async def main() -> None:
        with signals.received() as queue:
            for at, number in sent:
                monkeypatch.setattr(signals.time, "monotonic", lambda at=at: at)
                signals._tell(number, None)
                await asyncio.sleep(0)
                while not queue.empty():
                    heard.append(at)
                    queue.get_nowait()

    asyncio.run(main())
    assert heard == counted
