"""The Celery application: one task that runs a job, one that runs a periodic duty."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

from celery import Celery
from celery.signals import worker_init
from kombu.entity import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")
# The checks import every page and engine into every worker: 2.4 s of CPU and 200 MiB each. `manage.py bootstrap` and
# the tests make them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("avow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [
    Queue(name, Exchange(name, type="direct"), routing_key=name)
    for name in ("default", "render", "gate", "inspect")
]


@worker_init.connect
def _load_handlers(sender: Any, **_: Any) -> None:
    """Load the code of the jobs that this worker's queues carry: the first job should neither wait nor pay for that."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    served = sender.app.amqp.queues.consume_from
    for queue, handler in settings.AVOW_JOBS.values():
        if queue in served:
            import_string(handler)


@app.task(name="jobs.run")
def run_job(job_id: str) -> None:
    """Do one job; the queue it came through decides which process this is."""
    from compliance.jobs.services import run

    run(UUID(job_id))


@app.task(name="periodic.run")
def run_periodic(name: str) -> None:
    """Do one duty of settings.AVOW_PERIODIC."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    import_string(settings.AVOW_PERIODIC[name][0])()


@app.on_after_configure.connect
def _schedule(sender: Any, **_: Any) -> None:
    from django.conf import settings

    for name, (_path, seconds) in settings.AVOW_PERIODIC.items():
        sender.add_periodic_task(float(seconds), run_periodic.s(name).set(expires=seconds), name=name)
