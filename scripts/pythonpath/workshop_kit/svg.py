"""What a recording rich Console has printed, as an SVG."""

import re
from html import escape

from rich.console import Console


def drawn(console: Console, title: str, unique_id: str | None = None) -> str:
    """The SVG. rich names a font on a CDN, and its own page: a picture must not fetch anything. And it gets a title."""
    svg = console.export_svg(title=title, unique_id=unique_id)
    svg = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->", "", svg, flags=re.S)
    return re.sub(
        r"<svg[^>]*>", lambda tag: f"{tag[0]}\n<title>{escape(f'A terminal: {title.strip()}')}</title>", svg, count=1
    )
