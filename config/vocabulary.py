"""The wire's enumerations that more than one app speaks of, spelled exactly as the wire does.

Signing's own states stand here too: the audit, the mails and the back office name them without
knowing the signing app.
"""

from django.db.models import TextChoices

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
    """The statuses of a signer that report an act."""

    SIGNED = SignerStatus.SIGNED
    APPROVED = SignerStatus.APPROVED
    VIEWED = SignerStatus.VIEWED
    DECLINED = SignerStatus.DECLINED


class Scope(TextChoices):
    """Who sees something that is kept. `ALL` is said in filters, and never stored."""

    PERSONAL = "PERSONAL"
    GROUP = "GROUP"
    GLOBAL = "GLOBAL"
    ALL = "ALL"


class AttributeType(TextChoices):
    """What the value of a document's attribute is."""

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
    """What may be granted to a user or a group: the codenames of permissions of `config.access`."""

    ADMINISTER = "administer", "sees and does everything"
    ON_BEHALF = "on_behalf", "may name any user and group it acts for"
    AUDIT_READ = "audit_read", "may read the audit trail"
    AUDIT_WRITE = "audit_write", "may report audit events"
    MANAGE_PROFILES = "manage_profiles", "may change document profiles and attributes"
