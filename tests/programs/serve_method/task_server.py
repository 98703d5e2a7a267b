from prefect import task


@task
def my_background_task(name):
    return name


def start():
    my_background_task.serve()


if __name__ == "__main__":
    start()
