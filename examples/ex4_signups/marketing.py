"""Example 4: the marketing service, of another team. Enrols a user in a flow, once, however often it is asked."""

import os
import sqlite3
from contextlib import closing
from uuid import uuid4

from fastapi import HTTPException, Response
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, Field

import faults

app = FastAPIOffline(title="Marketing")


def database() -> sqlite3.Connection:
    return sqlite3.connect(os.environ["MARKETING_DB"], timeout=5)


with closing(database()) as connection, connection:
    connection.execute("create table if not exists enrolment (id, user_id, email, flow, unique (user_id, flow))")


class Enrolment(BaseModel):
    user_id: str = Field(max_length=100)
    email: str = Field(max_length=320)
    flow: str = Field(max_length=100)


@app.post("/enrolments", status_code=201)
def enrol(new: Enrolment, response: Response):
    fault = faults.draw()
    if fault == "before":
        raise HTTPException(503, "marketing is overloaded, try again")
    with closing(database()) as connection, connection:
        row = (str(uuid4()), new.user_id, new.email, new.flow)
        if not connection.execute("insert or ignore into enrolment values (?, ?, ?, ?)", row).rowcount:
            response.status_code = 200  # nothing new: here is the one there was
        key = (new.user_id, new.flow)
        (enrolment_id,) = connection.execute("select id from enrolment where (user_id, flow) = (?, ?)", key).fetchone()
    if fault == "after":
        raise HTTPException(503, "marketing did it, and could not say so")
    return {"id": enrolment_id, **new.model_dump()}


@app.get("/enrolments")
def enrolments():
    with closing(database()) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("select * from enrolment")]


@app.get("/health")
def health():
    return {"status": "ok"}
