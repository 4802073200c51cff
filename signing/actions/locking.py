"""The process's row lock, the first thing that every action takes, and the `Run` that it guards."""

from datetime import datetime

from config.access.actor import Actor
from config.api import conditional
from config.errors import Forbidden, NotFound
from signing.actions.run import Run
from signing.models import Process


def lock(process: Process, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> Run:
    """The process's row lock, taken first whatever the action, and then what is in it.

    `NotFound` if it is gone, `conditional.Stale` if the caller's `If-Match` is out of date.
    """
    try:
        row = Process.objects.select_for_update().get(pk=process.pk)
    except Process.DoesNotExist:
        raise NotFound from None
    conditional.require(row.version, expected)
    return Run(
        row,
        list(row.steps.all()),
        list(row.signers.order_by("step__process_order", "position", "id")),
        actor=actor,
        at=at,
    )


def lock_managed(process: Process, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> Run:
    """`lock`, and `Forbidden` unless the caller may change the process."""
    run = lock(process, actor=actor, at=at, expected=expected)
    if not run.process.managed_by(actor):
        raise Forbidden(
            "Only the initiator and the owner group may change this process; others need 'administer' or 'on_behalf'."
        )
    return run
