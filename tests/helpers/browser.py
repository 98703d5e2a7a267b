#!/usr/bin/env python3
"""Opens a page in a headless Chromium that reaches this machine only, and waits for texts on it.

browser.py URL SCREENSHOT.png TEXT…   exit 1, naming the text, if one does not appear in 30 s
Exit 1 too if the page asks another port of this machine than its own.
A TEXT that begins with `click:` is a Playwright selector of what to click instead.
"""

import sys
from urllib.parse import urlsplit

from chromium import launch
from playwright.sync_api import TimeoutError, sync_playwright

url, screenshot, *texts = sys.argv[1:]


def is_elsewhere(address: str) -> bool:
    """Whether it is at another port of this machine than the page itself."""
    page, asked = urlsplit(url), urlsplit(address)
    return asked.hostname in ("localhost", page.hostname) and asked.port != page.port


with sync_playwright() as playwright:
    browser = launch(playwright)
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    elsewhere: list[str] = []  # a page that comes by ssh -L reaches no other port
    page.on("request", lambda request: elsewhere.append(request.url) if is_elsewhere(request.url) else None)
    page.on("websocket", lambda socket: elsewhere.append(socket.url) if is_elsewhere(socket.url) else None)
    page.goto(url)
    try:
        for text in texts:
            if text.startswith("click:"):
                page.locator(text.removeprefix("click:")).first.click()
                continue
            page.get_by_text(text, exact=True).first.wait_for(state="visible", timeout=30_000)
            print(f"on the page: {text}")
    except TimeoutError:
        print(f"not on the page {url}: {text}", file=sys.stderr)
        sys.exit(1)
    finally:
        page.wait_for_timeout(500)  # for the picture only: the page fades in
        page.screenshot(path=screenshot)
        browser.close()
    if elsewhere:
        print(f"the page {url} asks elsewhere: {elsewhere[0]}", file=sys.stderr)
        sys.exit(1)
