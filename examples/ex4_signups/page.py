"""Example 4: the page at `/`. A form to sign up with, and the newest users with the live state of their tasks.

It is made on the server and works without JavaScript; with it (static/signup.js) the list follows without a reload.
"""

import os
from pathlib import Path
from typing import Annotated

import httpx
import redis
from fastapi import Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from prefect.settings import PREFECT_UI_URL
from prefect.utilities.urls import url_for
from pydantic import ValidationError

import users
from api import NewUser, app, sign_up, states_of, what_is_wrong

HERE = Path(__file__).parent
# A browser that obeys this runs no script that came in a name, even if the escaping failed.
POLICY = "default-src 'self'; img-src data:; form-action 'self'"
SIGNS = dict.fromkeys(["Completed", "Cached"], ("done", "✓"))
SIGNS |= dict.fromkeys(["Failed", "Crashed", "TimedOut", "Cancelled"], ("failed", "✗"))
templates = Jinja2Templates(HERE / "templates")
templates.env.trim_blocks = templates.env.lstrip_blocks = True
app.mount("/static", StaticFiles(directory=HERE / "static"))


def render(request: Request, template: str, status: int = 200, **values: str):
    found, states, problem = [], {}, ""
    try:
        found = users.newest(20)
        states = states_of(found)
    except redis.RedisError:
        problem = "The user store does not answer."
    except httpx.HTTPError:
        problem = "The Prefect API does not answer, so the states are unknown."

    def cell(run_id):
        state = states[run_id].state if run_id in states else "Unknown"
        kind, sign = SIGNS.get(state, ("waiting", "…"))
        message = (states[run_id].message or "").partition("\n")[0] if run_id in states else ""
        run_page = url_for("task-run", obj_id=run_id)
        return {"kind": kind, "sign": sign, "state": state, "message": message, "page": run_page}

    rows = [(user, {what: cell(run_id) for what, run_id in user.runs.items()}) for user in found]
    links = {"ui": PREFECT_UI_URL.value(), "inbox": os.getenv("INBOX_URL"), "marketing": os.getenv("MARKETING_PAGE")}
    values = {"rows": rows, "problem": problem, **links, **values}
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return templates.TemplateResponse(request, template, values, status, headers)


@app.get("/", include_in_schema=False)
def page(request: Request):
    return render(request, "signup.html")


@app.get("/newest", include_in_schema=False)
def newest(request: Request):
    """The list alone: what the page asks for once a second."""
    return render(request, "users.html")


@app.post("/", include_in_schema=False)
def sign_up_by_form(request: Request, email: Annotated[str, Form()] = "", name: Annotated[str, Form()] = ""):
    """For a browser without JavaScript."""
    try:
        sign_up(NewUser(email=email, name=name))
        return RedirectResponse("/", 303)
    except ValidationError as error:
        status, answer = 422, what_is_wrong(error)
    except HTTPException as error:
        status, answer = error.status_code, error.detail
    return render(request, "signup.html", status, email=email, name=name, answer=answer)
