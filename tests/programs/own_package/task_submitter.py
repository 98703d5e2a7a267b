from task_server import my_background_task

given = ("Ford",)
my_background_task.delay(*given)
my_background_task.delay("Ford", "Hi", 3, 4, loud=True, other=5)
my_background_task.delay(**{"name": "Ford"})
