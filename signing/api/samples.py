"""The bodies and answers that the schema shows."""

from audit.api.schema import EVENT_ANSWER

BODY = {
    "documentId": "DOC-2026-0117",
    "documentName": "Lease agreement, Brīvības iela 12",
    "initiatorName": "Ilze Kalniņa",
    "processInitiatorEmail": "ilze.kalnina@example.org",
    "signingProcessSteps": [
        {
            "processOrder": 1,
            "dueDate": "2026-12-01T15:00:00Z",
            "processStepSigners": [
                {
                    "signerName": "Jānis Bērziņš",
                    "signerCountry": "LV",
                    "signerPersonalCode": "150375-10101",
                    "signerEmail": "janis.berzins@example.org",
                    "signerRole": "SIGNER",
                    "signerLanguage": "lv",
                    "commentForSigner": "Please look at clause 7.",
                }
            ],
        }
    ],
}
SIGNED = {"signingStatus": "SIGNED", "signerComment": "Signed with a qualified certificate."}
DECLINED = {"signingStatus": "DECLINED", "signerComment": "The amount is not what we agreed."}


SIGNER_ANSWER = {
    "id": "ef0174d7-f2c8-4f2f-8de8-f327f0fef922",
    "signerName": "Jānis Bērziņš",
    "signerCountry": "LV",
    "signerPersonalCode": "150375-10101",
    "signerEmail": "janis.berzins@example.org",
    "signerRole": "SIGNER",
    "signerComment": None,
    "commentForSigner": "Please look at clause 7.",
    "signingStatus": "STARTED",
    "signerNotification": True,
    "signerLanguage": "lv",
    "anonymous": False,
}
STEP_ANSWER = {
    "id": "6aaf67bc-30be-4d2e-b1fe-a4d9aefef408",
    "processOrder": 1,
    "stepStatus": "STARTED",
    "dueDate": "2026-12-01T15:00:00Z",
    "processStepSigners": [SIGNER_ANSWER],
}
PROCESS_ANSWER = {
    "id": "9dce9e72-6bf9-4874-8dd1-44342027dd4f",
    "createdAt": "2026-11-24T09:30:00Z",
    "processInitiatorEmail": "ilze.kalnina@example.org",
    "documentId": "DOC-2026-0117",
    "documentName": "Lease agreement, Brīvības iela 12",
    "initiator": "portal",
    "comment": None,
    "status": "STARTED",
    "documentType": None,
    "ownerGroup": None,
    "completedAt": None,
    "initiatorName": "Ilze Kalniņa",
    "canceled": False,
    "signingProcessSteps": [STEP_ANSWER],
    "totalSigners": 1,
    "totalSigned": 0,
    "signers": [SIGNER_ANSWER],
    "currentInProgressStep": STEP_ANSWER,
    "attributes": {"Contract date": "2026-11-20T00:00:00Z", "Amount": 1250.5},
    "seal": None,
    "isSealRequired": False,
}
TASK_ANSWER = {
    "process": PROCESS_ANSWER,
    "step": STEP_ANSWER,
    "signer": SIGNER_ANSWER,
    "overdue": False,
    "actions": ["DECLINED", "SIGNED"],
}
AUDIT_ANSWER = {
    "content": [EVENT_ANSWER],
    "totalElements": 5,
    "totalPages": 5,
    "number": 0,
    "size": 1,
    "numberOfElements": 1,
    "first": True,
    "last": False,
    "empty": False,
    "verdict": {
        "whole": True,
        "checkedAt": "2026-11-24T09:30:00Z",
        "events": 5,
        "firstBad": None,
        "notChecked": [],
    },
}
