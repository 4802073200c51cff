"""The API's enumerations that more than one app uses, spelled exactly as in the API.

The statuses of signing are here too, because the audit trail, emails and the back office name them and
may not import the signing app.
"""

from django.db.models import TextChoices

# Characters in any name: of a person, a document, a client or a group.
LONGEST_NAME = 255


class Role(TextChoices):
    VIEWER = "VIEWER"
    SIGNER = "SIGNER"
    APPROVER = "APPROVER"
    INITIATOR = "INITIATOR"
    ADMINISTRATOR = "ADMINISTRATOR"


class ProcessStatus(TextChoices):
    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    DECLINED = "DECLINED"


class StepStatus(TextChoices):
    WAITING_FOR_PREVIOUS = "WAITING_FOR_PREVIOUS"
    STARTED = "STARTED"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"


class SignerStatus(TextChoices):
    WAITING_FOR_PROCESS = "WAITING_FOR_PROCESS"
    STARTED = "STARTED"
    SIGNED = "SIGNED"
    APPROVED = "APPROVED"
    VIEWED = "VIEWED"
    DECLINED = "DECLINED"
    CANCELED = "CANCELED"


class Reportable(TextChoices):
    """The statuses by which a client reports what a signer did."""

    SIGNED = SignerStatus.SIGNED
    APPROVED = SignerStatus.APPROVED
    VIEWED = SignerStatus.VIEWED
    DECLINED = SignerStatus.DECLINED


class Scope(TextChoices):
    """Who sees a contact or template. `ALL` occurs only in filters and is never stored."""

    PERSONAL = "PERSONAL"
    GROUP = "GROUP"
    GLOBAL = "GLOBAL"
    ALL = "ALL"


class AttributeType(TextChoices):
    """The type of a document attribute's value."""

    TEXT = "TEXT"
    DATETIME = "DATETIME"
    CHECKBOX = "CHECKBOX"
    NUMBER = "NUMBER"


class EventType(TextChoices):
    PROCESS_STARTED = "PROCESS_STARTED"
    PROCESS_CANCELED = "PROCESS_CANCELED"
    PROCESS_COMPLETED = "PROCESS_COMPLETED"
    PROCESS_UPDATED = "PROCESS_UPDATED"
    PROCESS_DELETED = "PROCESS_DELETED"
    PROCESS_OPENED = "PROCESS_OPENED"
    PROCESS_GETALL = "PROCESS_GETALL"
    PROCESS_GETONE = "PROCESS_GETONE"
    DOCUMENT_CREATE = "DOCUMENT_CREATE"
    DOCUMENT_INFO = "DOCUMENT_INFO"
    DOCUMENT_DOWNLOAD = "DOCUMENT_DOWNLOAD"
    DOCUMENT_DELETE = "DOCUMENT_DELETE"
    DOCUMENT_CREATE_OR_UPDATE = "DOCUMENT_CREATE_OR_UPDATE"
    DOCUMENT_ADDVERSION = "DOCUMENT_ADDVERSION"
    DOCUMENT_UPDATE = "DOCUMENT_UPDATE"
    SIGNATURE = "SIGNATURE"
    DECLINE = "DECLINE"
    APPROVE = "APPROVE"
    TASK_STARTED = "TASK_STARTED"
    SIGNER_DECLINED = "SIGNER_DECLINED"
    APPROVER_DECLINED = "APPROVER_DECLINED"
    SIGNER_SIGNED = "SIGNER_SIGNED"
    APPROVER_APPROVED = "APPROVER_APPROVED"
    REMINDER = "REMINDER"
    FAILURE = "FAILURE"
    AUDIT_LOGIN_START = "AUDIT_LOGIN_START"
    AUDIT_LOGIN_COMPLETED = "AUDIT_LOGIN_COMPLETED"
    AUDIT_LOGIN_FAULT = "AUDIT_LOGIN_FAULT"
    AUDIT_EMAIL_REMINDER = "AUDIT_EMAIL_REMINDER"
    AUTH_COMPLETED = "AUTH_COMPLETED"
    AUTH_START = "AUTH_START"


class Right(TextChoices):
    """The rights of users and groups, which are permissions of `config.access`. ADMINISTER includes the others."""

    ADMINISTER = "administer", "Can see and change everything"
    ON_BEHALF = "on_behalf", "Can act on behalf of any user or group"
    AUDIT_READ = "audit_read", "Can read the audit trail"
    AUDIT_WRITE = "audit_write", "Can report audit events"
    MANAGE_PROFILES = "manage_profiles", "Can change document profiles and attributes"
