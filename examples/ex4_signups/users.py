"""Example 4: the user store, on the Redis protocol. A user exists once the request that creates it is through."""

import json
import os
import time
from uuid import UUID, uuid4

import redis
from pydantic import BaseModel
from redis.backoff import NoBackoff
from redis.retry import Retry

# One try of 0.9 s at the most: a web request waits for this, and a task has retries of its own.
patience = {"socket_timeout": 0.9, "socket_connect_timeout": 0.9, "retry": Retry(NoBackoff(), 0)}
store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, **patience)
THINGS = 10  # in a new workspace


class User(BaseModel):
    id: UUID
    email: str
    name: str
    is_active: bool = True
    is_superuser: bool = False
    runs: dict[str, UUID]  # the three task runs: email, marketing, workspace


class AddressTaken(Exception):
    """Another user has this address, or is being created with it."""


def claim(email: str) -> UUID:
    """Reserve an address for a new user: the second who asks gets AddressTaken. The claim lapses in 10 s."""
    user_id = uuid4()
    if not store.set(f"email:{email.casefold()}", str(user_id), nx=True, ex=10):
        raise AddressTaken(email)
    return user_id


def release(email: str) -> None:
    store.delete(f"email:{email.casefold()}")


def create(user: User) -> None:
    """Make the user real: all of it or nothing, and only if the claim is still its own."""
    claimed = f"email:{user.email.casefold()}"
    with store.pipeline() as changes:
        changes.watch(claimed)
        if changes.get(claimed) != str(user.id):
            raise AddressTaken(user.email)
        changes.multi()
        changes.persist(claimed)
        changes.set(f"user:{user.id}", user.model_dump_json())
        changes.zadd("users", {str(user.id): time.time()})
        changes.execute()


def get(user_id: UUID | str) -> User | None:
    found = store.get(f"user:{user_id}")
    return User.model_validate_json(found) if found else None


def newest(limit: int) -> list[User]:
    ids = store.zrevrange("users", 0, limit - 1)
    found = store.mget([f"user:{user_id}" for user_id in ids]) if ids else []
    return [User.model_validate_json(user) for user in found if user]


def wait_for(user_id: str, patience: float = 5) -> User | None:
    """The user, who is created a moment after the tasks are submitted; None if the request never got that far."""
    end = time.monotonic() + patience
    while not (user := get(user_id)) and time.monotonic() < end:
        time.sleep(0.05)
    return user


def add_thing(user_id: str, number: int) -> None:
    """Put a thing into the workspace. The same number twice is one thing."""
    store.hsetnx(f"workspace:{user_id}", str(number), json.dumps({"name": f"Sample document {number}"}))


def workspace(user_id: UUID | str) -> list[str]:
    things = store.hgetall(f"workspace:{user_id}")
    return [json.loads(things[number])["name"] for number in sorted(things, key=int)]


def has_done(user_id: str, what: str) -> bool:
    return bool(store.sismember(f"done:{user_id}", what))


def mark_done(user_id: str, what: str) -> None:
    store.sadd(f"done:{user_id}", what)
