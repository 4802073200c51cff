"""Forgeries in the rows of a process: statements by the owner of the database, who has none of the keys."""

FORGERIES: dict[str, str] = {
    "the name of the document": "UPDATE signing_process SET document_name = 'Forged'",
    "the id of the document": "UPDATE signing_process SET document_id = 'Forged'",
    "the initiator": "UPDATE signing_process SET initiator = 'forged'",
    "the owner group": "UPDATE signing_process SET owner_group = 'forged'",
    "the comment": "UPDATE signing_process SET comment = 'Forged'",
    "the attributes": """UPDATE signing_process SET attributes = '{"amount": 1}'""",
    "the time of creation": "UPDATE signing_process SET created_at = '2020-01-01'",
    "the time of the start": "UPDATE signing_process SET started_at = '2020-01-01'",
    "the status of the process": "UPDATE signing_process SET status = 'DECLINED', finished_at = '2026-05-04'",
    "a completion": (
        "UPDATE signing_process SET status = 'COMPLETED', completed_at = '2026-05-04', finished_at = '2026-05-04'"
    ),
    "a hold": "UPDATE signing_process SET hold = 'Forged'",
    "the reason of a cancellation": "UPDATE signing_process SET cancel_reason = 'Forged'",
    "the due date of the process": "UPDATE signing_process SET due_at = '2030-01-01'",
    "the review that is required": """UPDATE signing_process SET rules = '{"review_required": true}'""",
    "the effect of a decline": """UPDATE signing_process SET rules = '{"continue_on_decline": true}'""",
    "the attributes that are required": """UPDATE signing_process SET rules = '{"attributes": []}'""",
    "malformed rules": """UPDATE signing_process SET rules = '{"attributes": 1, "unknown": 2}'""",
    "rules that are no object": "UPDATE signing_process SET rules = '[1]'",
    "the search column of the process": "UPDATE signing_process SET name_search = 'forged'",
    "the due date of a step": "UPDATE signing_step SET due_at = '2030-01-01' WHERE process_order = 2",
    "the order of the steps": "UPDATE signing_step SET process_order = process_order + 5 WHERE process_order = 2",
    "a signature": "UPDATE signing_signer SET status = 'SIGNED', acted_at = '2026-05-04' WHERE name = 'Ben'",
    "a decline instead of a signature": "UPDATE signing_signer SET status = 'DECLINED' WHERE name = 'Ana'",
    "a withdrawn signature": "UPDATE signing_signer SET status = 'STARTED', acted_at = NULL WHERE name = 'Ana'",
    "the time of a signature": "UPDATE signing_signer SET acted_at = '2020-01-01' WHERE name = 'Ana'",
    "the name of a signer": "UPDATE signing_signer SET name = 'Zoe' WHERE name = 'Ana'",
    "the personal code of a signer": "UPDATE signing_signer SET personal_code = '1', code_key = '1' WHERE name = 'Ana'",
    "the role of a signer": "UPDATE signing_signer SET role = 'VIEWER' WHERE name = 'Ben'",
    "a notification": "UPDATE signing_signer SET notification = NOT notification WHERE name = 'Ben'",
    "the person who may see the task": "UPDATE signing_signer SET person_key = 'lv:1' WHERE name = 'Ben'",
    "a turn that has come": "UPDATE signing_signer SET called_at = '2026-05-04' WHERE name = 'Cleo'",
    "the time of a signer's creation": "UPDATE signing_signer SET created_at = '2020-01-01' WHERE name = 'Ben'",
    "a signer in another step": (
        "UPDATE signing_signer SET step_id = (SELECT id FROM signing_step WHERE process_order = 1) WHERE name = 'Cleo'"
    ),
    "a signer who is removed": "DELETE FROM signing_signer WHERE name = 'Cleo'",
}
