"""The values that a text can use, and samples of them for checks and previews."""

from django.conf import settings

from config.api_values import JsonObject

# Every variable with its empty value.
VARIABLES: JsonObject = {
    "process": {"name": None, "id": None, "type": None, "initiator": None, "comment": None},
    "step": {"number": None},
    "signer": {"name": None},
    "initiator": {"name": None},
    "actor": {"name": None, "reason": None, "self": False},
    "failure": {"event": None, "role": None, "audit": None, "retention": None, "sending": None},
    "dueDate": None,
    "personalComment": None,
    "link": None,
    "tasks": [],
    "waiting": None,
}

# The variables by name, with the parts of a task in a reminder.
KNOWN: JsonObject = {
    **VARIABLES,
    "tasks": [{"name": None, "initiator": None, "dueDate": None, "comment": None, "link": None}],
}


def masked_link() -> str:
    """A signer's link with an ellipsis in place of the id, for emails that must not give access."""
    return settings.PORTAL_URL.replace("{signerId}", "…")


def sample_values() -> JsonObject:
    """A sample of every variable."""
    due_date = "2026-03-05T15:00:00Z"
    link = masked_link()
    return {
        "process": {
            "name": "Nomas līgums, Brīvības iela 12",
            "id": "DOC-2026-0117",
            "type": "LEASE",
            "initiator": "Ilze Kalniņa",
            "comment": "The keys are handed over on Monday.",
        },
        "step": {"number": 1},
        "signer": {"name": "Jānis Bērziņš"},
        "initiator": {"name": "Ilze Kalniņa"},
        "actor": {"name": "Ona Žukauskienė", "reason": "The amount is not what we agreed.", "self": False},
        "failure": {"event": "TASK_STARTED", "role": "SIGNER", "audit": None, "retention": None, "sending": None},
        "dueDate": due_date,
        "personalComment": "Please look at clause 7.",
        "link": link,
        # A text must do with and without the values of a task.
        "tasks": [
            {"name": "Nomas līgums", "initiator": "Ilze Kalniņa", "dueDate": due_date, "comment": None, "link": link},
            {"name": "Sutartis", "initiator": None, "dueDate": None, "comment": None, "link": link},
        ],
        "waiting": "Jānis Bērziņš, Ona Žukauskienė",
    }
