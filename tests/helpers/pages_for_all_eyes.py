#!/usr/bin/env python3
"""Looks at the pages of examples 4 and 5 in each of their states with eyes.py, and uses them by keyboard alone.

pages_for_all_eyes.py EX ADDRESS FOLDER     API: Prefect's. For example 4 INBOX: the mailbox; STORE: the store's pid
pages_for_all_eyes.py empty ADDRESS FOLDER  example 4, where nobody has signed up: it only looks

Prints what is wrong, a line each, and exits 1 then. Pictures go to FOLDER. That a run failed, or waits, is set by
Prefect's API: Paused, because the rescuer leaves such a run alone.
"""

import os
import secrets
import signal
import sys

import requests
from chromium import launch
from eyes import findings, out_of_reach
from playwright.sync_api import Browser, Page, expect, sync_playwright

ex, address, folder = sys.argv[1:]
wrong: list[str] = []


def look(page: Page, state: str) -> None:
    wrong.extend(findings(page, state))
    page.screenshot(path=f"{folder}/eyes-ex{ex}-{state.replace(' ', '-')}.png", full_page=True)


def set_state(run_id: str, kind: str, message: str = "") -> None:
    state = {"type": kind, "name": kind.capitalize(), "message": message}
    url = f"{os.environ['API']}/task_runs/{run_id}/set_state"
    requests.post(url, json={"state": state, "force": True}, timeout=10).raise_for_status()


def on_a_phone(page: Page, state: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    look(page, state)
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        wrong.append(f"{state}: wider than the phone")


def nobody(browser: Browser) -> None:
    page = browser.new_page()
    for url, text in ((address, "Nobody yet."), (os.environ["INBOX"], "0 message(s)")):
        page.goto(url)
        expect(page.get_by_text(text)).to_be_visible()
        look(page, text.strip(".").replace("(s)", "s"))


def signups(browser: Browser) -> None:
    mine = f"{secrets.token_hex(4)}@example.com"
    page = browser.new_page()
    page.goto(address)
    # By keyboard alone, from the top: a name, an address that is no address, the right one.
    for keys in ("Tab", "Zaphod", "Tab", mine, "Tab", "Enter"):
        page.keyboard.press(keys) if keys in ("Tab", "Enter") else page.keyboard.type(keys)
    row = page.locator("tbody tr", has_text=mine)
    expect(row.locator(".done")).to_have_count(3, timeout=20_000)
    expect(page.get_by_role("status")).to_have_text("Welcome, Zaphod. Your three tasks are done.")
    # A link of the list keeps the focus when the list is another.
    row.locator("a").first.focus()
    runs = [str(link.get_attribute("href")).rpartition("/")[2] for link in row.locator("a").all()]
    set_state(runs[1], "FAILED", "marketing is overloaded, try again")
    set_state(runs[2], "PAUSED")
    expect(row.locator(".waiting")).to_have_count(1, timeout=10_000)
    expect(row.locator("a").first).to_be_focused()
    look(page, "done failed and waiting")
    for email in (mine, "zaphod@example"):
        page.get_by_label("Name").fill("Zaphod")
        page.get_by_label("Email").fill(email)
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("registered already" if email == mine else "email: ")
        look(page, "refused")
    page.reload()
    wrong.extend(out_of_reach(page, "from the top"))
    page.screenshot(path=f"{folder}/eyes-ex4-focus.png")
    on_a_phone(page, "on a phone")
    os.kill(int(os.environ["STORE"]), signal.SIGSTOP)
    try:
        expect(page.get_by_role("alert")).to_have_text("The user store does not answer.", timeout=10_000)
        look(page, "the store is away")
    finally:
        os.kill(int(os.environ["STORE"]), signal.SIGCONT)
    for run in runs[1:]:
        set_state(run, "COMPLETED")

    plain = browser.new_page()
    plain.route("**/*.js", lambda route: route.abort())  # axe-core itself needs JavaScript
    plain.goto(address)
    plain.get_by_label("Name").fill("Zaphod")
    plain.get_by_label("Email").fill(mine)
    plain.get_by_role("button").click()
    expect(plain).to_have_title(f"{mine} is registered already - Sign up")
    look(plain, "refused without JavaScript")

    page.goto(os.environ["INBOX"])
    look(page, "the mailbox")
    page.get_by_role("link", name="Welcome, Zaphod").first.press("Enter")
    expect(page.get_by_role("heading", name="Welcome, Zaphod")).to_be_visible()
    look(page, "a message")
    on_a_phone(page, "a message on a phone")


def questions(browser: Browser) -> None:
    page = browser.new_page()
    page.goto(address)
    expect(page.get_by_label("Your question")).to_be_focused()
    look(page, "nothing asked yet")
    for question in ("   ", "Please, why?"):  # by keyboard alone: with the focus where the page puts it
        page.keyboard.type(question)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        if question.strip():
            break
        expect(page.get_by_role("alert")).to_have_text("the question is empty")
        expect(page.get_by_label("Your question")).to_be_focused()
        look(page, "refused")
        page.get_by_label("Your question").clear()
    card = page.locator("article").first
    expect(card.locator(".source")).to_contain_text("answered by", timeout=20_000)
    look(page, "answered")
    run = str(card.get_by_role("link").get_attribute("href")).rpartition("/")[2]
    for kind in ("FAILED", "PAUSED"):
        set_state(run, kind, "the model did not answer in 60 s" if kind == "FAILED" else "")
        page.reload()
        expect(card.locator(".states li").last).to_have_text(kind.capitalize(), timeout=10_000)
        look(page, kind.lower())
    wrong.extend(out_of_reach(page, "from the top"))
    page.screenshot(path=f"{folder}/eyes-ex5-focus.png")
    on_a_phone(page, "on a phone")
    set_state(run, "COMPLETED")


with sync_playwright() as playwright:
    browser = launch(playwright)
    {"empty": nobody, "4": signups, "5": questions}[ex](browser)
    browser.close()
sys.exit("\n".join(wrong) if wrong else 0)
