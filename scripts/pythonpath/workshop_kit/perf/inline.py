"""Example 4 with one more route, for `make bench EX=4` to compare with: the three tasks' work inside the request."""

from uuid import uuid4

import users
from api import NewUser, app
from signup_tasks import TASKS
from users import User


@app.post("/inline", status_code=201)
def sign_up_inline(new: NewUser) -> User:
    user_id = users.claim(new.email)
    user = User(id=user_id, email=new.email, name=new.name, runs={what: uuid4() for what in TASKS})
    users.create(user)
    for task in TASKS.values():
        task.fn(str(user_id), new.email)
    return user
