"""What puts a run back into the Prefect server's queue: setting it to Scheduled again, with the parameters it had.

The queue is in the server's memory (issue #21218), and this is the only way into it (EnqueueScheduledTasks in
core_policy.py). Standard library only, so that it can be asked for by plain HTTP, without importing Prefect.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

LATER = "Later"  # the name of the state in which a run waits until it is due; the rescuer puts it into the queue then


def requeue_request(message: str, parameters: UUID | str | None) -> dict[str, Any]:
    """The state, as Prefect's API takes it. parameters: the id of the run's stored parameters, if it has any."""
    details = {"deferred": True, "task_parameters_id": str(parameters) if parameters else None}
    return {"type": "SCHEDULED", "name": "Scheduled", "message": message, "state_details": details}


def delay_request(message: str, parameters: UUID | str | None, at: float) -> dict[str, Any]:
    """The state of a run that is in no queue until it is due. at: when, in seconds since 1970."""
    when = datetime.fromtimestamp(at, UTC).isoformat()
    details = {"task_parameters_id": str(parameters) if parameters else None, "scheduled_time": when}
    return {"type": "SCHEDULED", "name": LATER, "message": message, "state_details": details}
