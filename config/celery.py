"""The worker and the whole schedule: short fixed intervals. When and how a job acts is its own business."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("paraph")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "send what no bell announced": {"task": "notifications.deliver", "schedule": 15.0},
    "remind of what is due": {"task": "signing.remind", "schedule": 300.0},
    "give events their place": {"task": "audit.give_places", "schedule": 5.0},
    "state how far the trail has come": {"task": "audit.checkpoint", "schedule": 300.0},
    "verify the trail": {"task": "signing.verify_audit", "schedule": 21600.0},
    "remove what was kept long enough": {"task": "signing.retain", "schedule": 3600.0},
    "forget idempotent answers": {"task": "api.forget_answers", "schedule": 3600.0},
    "forget uploads that nobody imported": {"task": "contacts.forget_uploads", "schedule": 3600.0},
}
