"""One port for other machines: TLS, a code, sessions, and a list of what may pass.

`python -m durable port` runs the Prefect server on loopback as before, and in the same process, for the same
application, a second port with this in front. So the queue stays one, websockets work as they are, and there is no
proxy. What goes through:

- `/api/health` for all. With the code: /durable/join, which answers with a token. With a token: OPERATIONS and
  WEBSOCKETS (operations.py), each with the shape of what may be in it: what submitting, serving, following runs and the
  pages of the UI ask. Anything else is 403, and said once on this machine's terminal.
- State data only of results that are plain JSON (json_format.py): Prefect imports what other data name.
- /durable/storage: parameters and results. /durable/records: who runs what, for the rescuer on this machine.
"""

# That is the description of `python -m durable port -h`, too. Each file has one subject, and imports none further down:
# operations.py the list of what may pass to Prefect's API: method, path, and the shape of the body
# policy.py     what becomes of a request, and what else is looked at in a body or a message
# output.py     lines for people
# records.py    what the lines of task servers become in their records here
# retention.py  old parameters and results
# asgi.py       the port, in front of Prefect's application
# server.py     the process with both, and its command line
