"""Example 5: a Flask app that takes questions and hands them to a task server; the answers are asked for later."""

from uuid import UUID

import httpx
from flask import Flask, jsonify, render_template, request, url_for
from prefect.client.orchestration import get_client
from prefect.exceptions import MissingResult, ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.states import Pending
from prefect.utilities.urls import url_for as page_of
from werkzeug.exceptions import HTTPException, abort

from marvin_task_server import answer_question

MOST = 4000  # characters of a question
TEXT = ["text/plain", "application/x-www-form-urlencoded", ""]  # what curl -d says of any text; nothing said

app = Flask(__name__)
app.json.sort_keys = False
app.config["MAX_CONTENT_LENGTH"] = 16 * MOST  # bytes, as JSON may write them


@app.get("/")
def page():
    return render_template("ask.html", most=MOST)


@app.get("/health")
def health():
    prefect_is_there()
    return {"status": "ok"}


@app.post("/question")
def ask():
    question = question_of(request)
    prefect_is_there()
    future = answer_question.delay(question)
    follow = url_for("answer", task_run_id=future.task_run_id)
    body = {"task_run_id": str(future.task_run_id), "follow": follow, "ui": page_of(future)}
    return reply(202, body, "follow"), {"Location": follow}


@app.get("/answer/<task_run_id>")
def answer(task_run_id):
    try:
        task_run_id = UUID(task_run_id)
    except ValueError:
        abort(422, "this is no id of a task run")
    prefect_is_there()
    with get_client(sync_client=True) as client:
        try:
            run = client.read_task_run(task_run_id)
        except ObjectNotFound:
            abort(404, "no such question")
    if run.task_key != answer_question.task_key:
        abort(404, "no such question")  # there is such a run, but of another task: not ours to show

    state = run.state or Pending()  # with SQLite: for a moment, between two states
    body = {"state": state.name, "message": state.message}
    if state.is_completed():
        try:
            return reply(200, {**body, **state.result()}, "answer")
        except (MissingResult, ValueError):  # ValueError: its file is gone
            abort(410, "the answer was cleaned away")
    if state.is_final():
        return reply(500, body, "message")
    return reply(202, body, "state")


def question_of(request):
    """The question in a request's body. Answers 4xx with one line if it is nothing that a model could be asked."""
    if request.mimetype == "application/json":
        body = request.get_json(silent=True)
        question = body.get("question") if isinstance(body, dict) else None
        if not isinstance(question, str):
            abort(400, 'JSON must be {"question": "…"}')
    elif request.mimetype in TEXT:
        question = request.get_data()
    else:
        abort(415, "a question is text/plain or application/json")
    try:
        question = question.decode() if isinstance(question, bytes) else question.encode().decode()
    except UnicodeError:
        abort(400, "the question is not UTF-8")
    question = question.strip()
    if not question:
        abort(400, "the question is empty")
    if len(question) > MOST:
        abort(413, f"the question is longer than {MOST} characters")
    return question


def prefect_is_there():
    httpx.get(f"{PREFECT_API_URL.value()}/health", timeout=1)  # away? say so at once


def reply(status, body, text):
    """JSON, or to those who want text that one field of it."""
    if request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain":
        response = app.response_class(f"{body[text] or ''}\n", mimetype="text/plain")
    else:
        response = jsonify(body)
    response.status_code = status
    return response


@app.errorhandler(HTTPException)
def one_line(error):
    response = reply(error.code, {"detail": " ".join(error.description.split())}, "detail")
    if error.code == 405:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response


@app.errorhandler(httpx.HTTPError)
def prefect_is_away(error):
    return reply(503, {"detail": "the Prefect API does not answer; is its server running?"}, "detail")


@app.after_request
def only_from_here(response):
    response.headers["Content-Security-Policy"] = "default-src 'self'"  # the page: no other host, no inline script
    response.headers["Cache-Control"] = "no-store"  # an answer's address answers differently later
    return response
