"""Example 9: the board, a web app that shows the newest banner."""

import os
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse

NEWEST = Path(os.environ["WORKSHOP_HOME"], "banners", "newest.txt")
app = FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/", response_class=PlainTextResponse)
def newest():
    if not NEWEST.exists():
        raise HTTPException(404, "no banner yet")
    return NEWEST.read_text()
