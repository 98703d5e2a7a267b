"""One port for other machines: TLS, a code, sessions, and a list of what may pass.

`python -m durable port` runs the Prefect server on loopback as before, and in the same process, for the same
application, a second port with this in front. So the queue stays one, websockets work as they are, and there is no
proxy. What goes through:

- `/api/health` for all. With the code: /durable/join, which answers with a token. With a token: ROUTES and WEBSOCKETS
  below, which is what submitting, serving, following runs and the pages of the UI need.
- State data only of results that are plain JSON (plain.py): Prefect imports what other data name.
- /durable/storage: parameters and results. /durable/records: who runs what, for the rescuer on this machine.
"""

# That is the description of `python -m durable port -h`, too. Each file has one subject, and imports none further down:
# policy.py    what may pass: the list, and what is looked at in a body or a message
# saying.py    lines for people
# records.py   what the lines of task servers become in their records here
# retention.py old parameters and results
# asgi.py      the port, in front of Prefect's application
# server.py    the process with both, and its command line
