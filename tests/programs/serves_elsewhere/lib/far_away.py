from prefect.task_worker import serve; LIMIT = 2
