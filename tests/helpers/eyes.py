"""What a page must be for all eyes, and for those without: axe-core, the keyboard and the style sheets are asked."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# All of WCAG 2 up to AAA, where text needs 7:1, and what axe-core calls best practice.
TAGS = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS: dict[str, Any] = {
    "runOnly": {"type": "tag", "values": TAGS},
    # axe-core leaves these out unless they are asked for by name.
    "rules": {rule: {"enabled": True} for rule in ("color-contrast-enhanced", "target-size")},
}
SMALLEST = 7.0  # the contrast of a text
MOMENT = 10  # ms that something may move
# Where the keyboard is: what it can do, and whether that shows.
FOCUSED = """() => {
  const it = document.activeElement, style = getComputedStyle(it)
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
  return [it.tagName, it.id || it.textContent.trim(), ring ? style.outlineColor : '', behind(it.parentElement || it)]
}"""
CONTROLS = """[...document.querySelectorAll('a[href], button, input, textarea')]
  .filter(one => one.checkVisibility() && !one.disabled).length"""
# Animations that run, and any that a style would let run.
MOVING = f"""[...document.querySelectorAll('*')].filter(one => {{
  const style = getComputedStyle(one)
  const times = `${{style.animationDuration}}, ${{style.transitionDuration}}`.split(', ')
  return style.scrollBehavior === 'smooth' || times.some(time => parseFloat(time) * 1000 > {MOMENT})
}}).map(one => one.outerHTML.slice(0, 80)).concat(document.getAnimations().map(one => `animation ${{one.id}}`))"""
PLACEHOLDERS = """[...document.querySelectorAll('[placeholder]')].map(one =>
  [one.id, getComputedStyle(one, '::placeholder').color, behind(one)])"""
HELPERS = """() => {
  window.behind = one => {
    const colour = getComputedStyle(one).backgroundColor
    return colour === 'rgba(0, 0, 0, 0)' && one.parentElement ? behind(one.parentElement) : colour
  }
}"""


def contrast(one: str, other: str) -> float:
    """WCAG's, of two colours as a browser computes them: rgb(17, 17, 17)."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def findings(page: Page, state: str) -> list[str]:
    """What is wrong with the page as it is now, in its light and in its dark setting, a line each."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        response = Axe().run(page, options=OPTIONS).response
        for finding in response["violations"]:
            for node in finding["nodes"]:
                why = " ".join(node["failureSummary"].split())
                found.append(f"{state}, {scheme}: {finding['id']}: {node['html'][:120]}: {why}")
        page.evaluate(HELPERS)
        for name, colour, background in page.evaluate(PLACEHOLDERS):
            if (reached := contrast(colour, background)) < SMALLEST:
                found.append(f"{state}, {scheme}: the placeholder of {name} has a contrast of {reached:.1f}")
        found += [f"{state}, {scheme}: moves, with reduced motion: {what}" for what in page.evaluate(MOVING)]
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    return found


def out_of_reach(page: Page, state: str) -> list[str]:
    """What Tab does not come to, or comes to without showing it, a line each."""
    page.evaluate(HELPERS)
    reached, found = set(), []
    for _ in range(page.evaluate(CONTROLS) + 1):  # behind the last one it is on none, once
        page.keyboard.press("Tab")
        tag, name, ring, background = page.evaluate(FOCUSED)
        if tag == "BODY":
            continue
        reached.add((tag, name))
        if not ring or contrast(ring, background) < 3:
            found.append(f"{state}: the focus does not show on {tag.lower()} {name!r}")
    if len(reached) < page.evaluate(CONTROLS):
        found.append(f"{state}: Tab comes to these alone: {sorted(reached)}")
    return found
