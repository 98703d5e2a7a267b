def serve(what, *, twice):
    from task_server import my_background_task
    from prefect.task_worker import serve
    serve(my_background_task)
