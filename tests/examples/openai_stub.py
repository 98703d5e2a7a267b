#!/usr/bin/env python3
"""A server that speaks OpenAI's chat completions over HTTP, for the tests of LLM=openai.

openai_stub.py PORT KEY [ADDRESS]   answers who sends KEY; others get 401, with the key that they sent in the message

POST /plan  a JSON list of what to do with the next requests, each once: a status code such as 429, "hang" (the headers
            never come), "drip" (a stream that never ends), "cut" (the connection breaks), "words" (text instead of the
            tool call), "refuse" (as with a wrong key); afterwards it answers
GET /seen   a JSON list: what became of each request so far
"""

import contextlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, KEY = int(sys.argv[1]), sys.argv[2]
ADDRESS = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
plan: list[int | str] = []
seen: list[int | str] = []
over = threading.Event()  # never set: what hangs waits for it


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: its log would hold keys."""

    def send(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def event(self, delta: dict, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "stub", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def do_GET(self) -> None:
        self.send(200, seen)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/plan":
            plan[:] = body
            seen.clear()
            return self.send(200, plan)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            seen.append(401)
            return self.refuse(body)
        action = plan.pop(0) if plan else "answer"
        seen.append(action)
        if isinstance(action, int):
            return self.send(action, {"error": {"message": f"the stub was told to answer {action}"}})
        with contextlib.suppress(OSError):
            getattr(self, action)(body)

    def refuse(self, body: dict) -> None:
        message = f"Incorrect API key provided: {self.headers['Authorization'].removeprefix('Bearer ')}."
        self.send(401, {"error": {"message": message, "code": "invalid_api_key"}})

    def hang(self, body: dict) -> None:
        over.wait()

    def drip(self, body: dict) -> None:
        self.stream()
        while not over.wait(0.2):
            self.event({"role": "assistant", "content": None})

    def cut(self, body: dict) -> None:
        self.stream()
        self.event({"role": "assistant", "content": None})

    def words(self, body: dict) -> None:
        self.stream()
        self.event({"role": "assistant", "content": "I would rather not use your tool."})
        self.event({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def answer(self, body: dict) -> None:
        """Calls the tool: the last label for a classification, else a few words."""
        tool = body["tools"][0]["function"]
        needs = tool["parameters"]["properties"]["result"]["type"]
        result = 2 if needs == "integer" else f"answer {len(seen)} of the stub"
        arguments = json.dumps({"result": result})
        call = {"index": 0, "id": "1", "type": "function", "function": {"name": tool["name"], "arguments": ""}}
        self.stream()
        self.event({"role": "assistant", "content": None, "tool_calls": [call]})
        for part in (arguments[:5], arguments[5:]):
            self.event({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
        self.event({}, "tool_calls")
        self.wfile.write(b"data: [DONE]\n\n")


server = ThreadingHTTPServer((ADDRESS, PORT), Handler)
server.daemon_threads = True
server.serve_forever()
