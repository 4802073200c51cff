"""The Celery app, its fixed settings, and the whole schedule: short fixed intervals. Each job decides what is due."""

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("paraph")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# What depends on the deployment is in config.settings, with the prefix CELERY_.
app.conf.update(
    task_ignore_result=True,
    task_publish_retry=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    beat_scheduler="config.beat:MemoryScheduler",
)
app.conf.beat_schedule = {
    "send due messages": {"task": "notifications.deliver", "schedule": 15.0},
    "send reminders": {"task": "signing.remind", "schedule": 300.0},
    "append pending audit events": {"task": "audit.append_pending", "schedule": 5.0},
    "write an audit checkpoint": {"task": "audit.checkpoint", "schedule": 300.0},
    "verify the audit trail": {"task": "signing.verify_audit", "schedule": 21600.0},
    "apply retention": {"task": "signing.retain", "schedule": 3600.0},
    "delete expired idempotency keys": {"task": "api.delete_expired_responses", "schedule": 3600.0},
    "delete abandoned uploads": {"task": "contacts.delete_expired_uploads", "schedule": 3600.0},
}


@app.on_after_configure.connect
def create_broker_folder(sender: Celery, **kwargs: object) -> None:
    """Create the folder of the filesystem broker, because Kombu does not."""
    folder = sender.conf.broker_transport_options.get("data_folder_in")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
