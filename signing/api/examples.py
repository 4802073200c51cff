"""The examples in the API docs, read from `examples/`."""

import json

from django.conf import settings

from config.api_values import JsonObject


def _load(name: str) -> JsonObject:
    path = settings.BASE_DIR / "examples" / f"{name}.json"
    content: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    return content


ANONYMOUS_BODY = _load("anonymous-signer")
TWO_STEPS_BODY = _load("two-step-contract")
DRAFT_BODY = _load("draft")
SIGNED_BODY = {"signingStatus": "SIGNED", "signerComment": "Signed with a qualified certificate."}
DECLINED_BODY = {"signingStatus": "DECLINED", "signerComment": "The amount is not what we agreed."}

# The response to TWO_STEPS_BODY.
EXAMPLE_PROCESS = _load("responses/process")
EXAMPLE_STEP: JsonObject = EXAMPLE_PROCESS["signingProcessSteps"][0]
SIGNER: JsonObject = EXAMPLE_STEP["processStepSigners"][0]
SIGNER_ID: str = SIGNER["id"]
TASK = {
    "process": EXAMPLE_PROCESS,
    "step": EXAMPLE_STEP,
    "signer": SIGNER,
    "overdue": False,
    "actions": ["DECLINED", "SIGNED"],
}
VERDICT = {"whole": True, "checkedAt": "2026-11-24T09:30:00Z", "events": 5, "firstBad": None, "notChecked": []}
