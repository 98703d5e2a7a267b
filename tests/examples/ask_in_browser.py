#!/usr/bin/env python3
"""Uses example 5's page as a person does, in a Chromium of a phone's width that reaches this machine only.

ask_in_browser.py ADDRESS FOLDER   leaves its pictures in FOLDER; exit 1 if something is not as it should be
"""

import shutil
import sys

from playwright.sync_api import expect, sync_playwright

address, folder = sys.argv[1:]
NASTY = "Please: <img src=x onerror=document.title='broken'> & <b>bold</b> \"quotes\" 🙂?"

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"),
        args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
    )
    page = browser.new_page(viewport={"width": 360, "height": 740})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(address)
    expect(page.get_by_label("Your question")).to_be_focused()  # or we are in the way of its autofocus
    page.get_by_label("Your question").fill(NASTY)
    page.get_by_role("button", name="Ask", exact=True).click()
    card = page.locator("article").first
    expect(card.locator("h2")).to_have_text(NASTY)
    expect(card.locator(".states li").last).to_have_text("Completed", timeout=20_000)
    expect(card.locator(".answer")).to_contain_text(NASTY)
    expect(card.locator(".source")).to_contain_text("answered by canned; tone: nice")
    assert page.title() == "Ask Marvin", "what was asked became part of the page"
    assert page.locator("article img, article b").count() == 0
    page.screenshot(path=f"{folder}/ask-phone.png", full_page=True)

    page.get_by_label("Your question").fill("You stupid machine, " + "w" * 300)
    page.get_by_label("Your question").press("Control+Enter")
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("article").first.locator(".source")).to_contain_text("tone: hostile", timeout=20_000)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, f"wider than the phone: {width}"

    page.reload()  # this browser's earlier questions are there, the newest first
    expect(page.get_by_label("Your question")).to_be_focused()
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("article h2").last).to_have_text(NASTY)
    expect(page.locator("article .source").last).to_contain_text("answered by canned", timeout=20_000)
    page.set_viewport_size({"width": 1000, "height": 800})
    page.screenshot(path=f"{folder}/ask-desk.png", full_page=True)
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("article")).to_have_count(0)

    page.get_by_label("Your question").fill("   ")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("the question is empty")
    foreign = [url for url in asked if not url.startswith(address)]
    assert not foreign, f"asked another host: {foreign}"
    wrong = [text for text in said if "400" not in text]  # the empty question's
    assert not wrong, wrong
    browser.close()
