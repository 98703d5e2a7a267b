"""What a recording rich Console has printed, as an SVG."""

import re

from rich.console import Console


def drawn(console: Console, title: str, unique_id: str | None = None) -> str:
    """The SVG. rich names a font on a CDN, and its own page: a picture must not fetch anything."""
    svg = console.export_svg(title=title, unique_id=unique_id)
    return re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->", "", svg, flags=re.S)
