"""The stored responses to POST requests with an `Idempotency-Key`."""

from django.db import models


class IdempotentAnswer(models.Model):
    """The response to the first request with a key, written in the transaction of its effect.

    A row without a response exists only inside the transaction that is producing it.
    """

    client = models.CharField(max_length=64, help_text="A digest of the client and the user it acts for.")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(default="", help_text="The JSON of the response, with its keys in order.")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint("client", "key", name="one_answer_per_key")]
