#!/usr/bin/env python3
"""Uses example 4's page as a person would, with the keyboard alone, in a Chromium that reaches only this machine.

signup_page.py URL NAME STATE SCREENSHOT.png [WIDTH [TEXT]]

Signs NAME up and waits, without a reload, until the user's cells show STATE; prints the texts of the three cells.
With TEXT, the first cell's link is followed before that, in a tab where Prefect's UI is loaded already: TEXT is there.
Exit 1 when it does not come, the page is wider than the window, a script of the name has run, or anything was an error.
"""

import secrets
import sys
from contextlib import suppress

from chromium import launch
from playwright.sync_api import TimeoutError, sync_playwright

url, name, state, screenshot, *rest = sys.argv[1:]
width = int(rest[0]) if rest else 1100
address = f"{secrets.token_hex(4)}@example.com"
text = rest[1] if len(rest) > 1 else ""
troubles: list[str] = []
with sync_playwright() as playwright:
    browser = launch(playwright)
    page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(url)
    ui = page.context.new_page() if text else None
    if ui:
        ui.goto(str(page.get_by_role("link", name="Prefect UI").get_attribute("href")))
        page.bring_to_front()
    page.evaluate("window.same_page = true")
    page.keyboard.press("Tab")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(address)
    page.keyboard.press("Enter")
    row = page.locator("tbody tr", has_text=address)
    row.wait_for(timeout=10_000)
    if ui:
        ui.goto(str(row.locator("td a").first.get_attribute("href")))
        for _ in range(10):  # the page shows the state of the moment, and asks again only now and then
            with suppress(TimeoutError):
                ui.get_by_text(text, exact=True).first.wait_for(timeout=1500)
                print(f"on the run's page: {text}")
                break
            ui.reload()
        else:
            troubles.append(f"not on the run's page: {text}")
    row.get_by_text(state).first.wait_for(timeout=40_000)
    while any(cell.startswith("…") for cell in row.locator("td a").all_inner_texts()):
        page.wait_for_timeout(200)
    if row.locator("th").inner_text().splitlines()[0] != name:
        troubles.append(f"the name became {row.locator('th').inner_text()!r}")
    if not page.evaluate("window.same_page === true"):
        troubles.append("the page was loaded again")
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        troubles.append("the page is wider than the window")
    page.screenshot(path=screenshot)
    print("\n".join(row.locator("td").all_inner_texts()))
    browser.close()
sys.exit("\n".join(troubles) if troubles else 0)
