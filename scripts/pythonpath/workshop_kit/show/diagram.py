"""The picture of docs/ARCHITECTURE.md, drawn by make pictures EX=architecture: the parts, and what goes between them.

One SVG that fetches nothing. It has a background of its own, so that it can be read on a light and on a dark page.
"""

from html import escape

from workshop_kit.examples import listed

WIDTH, HEIGHT = 1000, 640
INK, PAPER, QUIET = "#1f2933", "#fbfaf7", "#52606d"
FILL = {"people": "#fdebc8", "server": "#d9e8fb", "work": "#d8f0dc", "watch": "#f6d9dc", "files": "#e9e4f3"}
TITLE = "The parts of the kit, and what goes between them"
TEXT = (
    "The submitter sends a run to the Prefect server, which keeps its state in a database and the run in a queue in "
    "its memory. Task servers receive runs from that queue, execute them and send their states back. Each writes to "
    "the records which run it takes. The rescuer compares the records with the states and requeues lost runs. keep "
    "starts each of these processes again when it dies. Parameters and results are files."
)
HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"
  role="img" aria-labelledby="title description">
<title id="title">{escape(TITLE)}</title>
<desc id="description">{escape(TEXT)}</desc>
<defs>
  <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">
    <path d="M0 0L10 5L0 10z" fill="{INK}"/>
  </marker>
</defs>
<style>
  text {{ font: 14px system-ui, sans-serif; fill: {INK} }}
  .name {{ font-weight: 700; font-size: 16px }}
  .quiet {{ fill: {QUIET} }}
</style>
<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="{PAPER}"/>"""


def box(x: int, y: int, width: int, height: int, kind: str, heading: str, *lines: str) -> str:
    """A part, with its name and a few words."""
    texts = [f'<text x="{x + 14}" y="{y + 25}" class="name">{escape(heading)}</text>']
    texts += [f'<text x="{x + 14}" y="{y + 46 + 18 * i}">{escape(line)}</text>' for i, line in enumerate(lines)]
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{FILL[kind]}" stroke="{INK}"/>\n'
        + "\n".join(texts)
    )


def kept(x: int, y: int, width: int, height: int) -> str:
    """The frame that says: a process of keep watches what is in here."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="12" fill="none" '
        f'stroke="{QUIET}" stroke-dasharray="7 5"/>\n'
        f'<text x="{x + 12}" y="{y + 19}" class="quiet">keep</text>'
    )


def arrow(points: str, label_x: int, label_y: int, *lines: str) -> str:
    """A line with a head, and what goes along it."""
    texts = [f'<text x="{label_x}" y="{label_y + 17 * i}">{escape(line)}</text>' for i, line in enumerate(lines)]
    return (
        f'<polyline points="{points}" fill="none" stroke="{INK}" stroke-width="1.6" marker-end="url(#head)"/>\n'
        + "\n".join(texts)
    )


def architecture() -> str:
    """The whole picture."""
    parts = [
        box(24, 70, 200, 104, "people", "submitter", "make submit, a web app,", "a program of yours"),
        kept(388, 24, 224, 252),
        box(402, 54, 196, 208, "server", "Prefect server", "API and UI"),
        box(418, 118, 164, 58, "files", "queue", "in its memory"),
        box(418, 188, 164, 62, "files", "database", "the runs' states"),
        kept(776, 24, 200, 252),
        box(806, 70, 156, 192, "work", ""),
        box(798, 62, 156, 192, "work", ""),
        box(790, 54, 156, 192, "work", "task servers", "run your @task,", "LIMIT runs at once"),
        kept(388, 374, 224, 132),
        box(402, 404, 196, 88, "watch", "rescuer", "finds lost runs", f"({listed('RESCUER')})"),
        box(776, 392, 186, 100, "files", "records", "who took which run,", "a file a task server"),
        box(24, 560, 938, 56, "files", "files: parameters and results", "pickled, in WORKSHOP_HOME/prefect/storage"),
        arrow("224,122 400,122", 238, 76, "1 the run, Scheduled", "(POST /task_runs)"),
        arrow("582,140 788,140", 624, 112, "2 the run,", "by websocket"),
        arrow("788,222 584,222", 624, 194, "4 its states,", "as events"),
        arrow("850,262 850,390", 862, 320, "3 which run it", "takes, and ends"),
        arrow("500,404 500,264", 512, 326, "requeues lost runs"),
        arrow("598,448 774,448", 622, 418, "reads them; notes", "what it requeues"),
        arrow("110,174 110,558", 122, 368, "parameters"),
        arrow("962,240 986,240 986,588 964,588", 846, 540, "parameters, results"),
    ]
    return "\n".join([HEAD, *parts, "</svg>", ""])
