"""The JSON shapes of signing in the API: they validate request bodies and describe responses in the schema.

Fields that the server owns are read-only: they are accepted in a body and ignored. The actions decide what a valid body
means.
"""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from audit.api.schema import EventPage
from config.api.fields import (
    Attributes,
    Choice,
    Country,
    Email,
    Flag,
    Id,
    LanguageTag,
    Moment,
    NullMeansAbsent,
    PersonalCode,
    StrictUuid,
    Text,
    Whole,
)
from config.api.schema import WARNINGS, FaultSerializer
from config.api_values import Body
from config.vocabulary import ProcessStatus, Reportable, Role, SignerStatus, StepStatus

MAX_STEPS = 100
MAX_SIGNERS = 500
MAX_DUE_IN_DAYS = 3650


@extend_schema_serializer(component_name="ProcessStepSigner")
class SignerSerializer(serializers.Serializer):
    id = Id(
        max_length=36,
        help_text="Resource identifier. In a PUT, a signer without it is added.",
    )
    signerName = Text(source="name", max_length=255, help_text="Full name.")
    signerCountry = Country(source="country", help_text="Country of the personal code (ISO 3166-1 alpha-2).")
    signerPersonalCode = PersonalCode(
        source="personal_code",
        help_text="Identifies the person together with the country. Null for other signers.",
    )
    signerEmail = Email(source="email", help_text="Email address of this person. Null for other signers.")
    signerRole = Choice(Role, source="role", help_text="Role in the process. Default: SIGNER.")
    signerComment = Text(
        source="comment", max_length=4000, help_text="This person's comment, or the reason for a decline."
    )
    commentForSigner = Text(
        source="comment_for_signer",
        max_length=4000,
        help_text="Private note for this person, shown in emails. Null for other signers.",
    )
    signingStatus = Choice(
        SignerStatus, source="status", help_text="Current status. In a PUT, a new final value reports the act."
    )
    signerNotification = Flag(source="notification", help_text="Whether this person gets emails. Default: true.")
    signerLanguage = LanguageTag(source="language", max_length=35, help_text="Language of emails (BCP 47 tag).")
    anonymous = Flag(help_text="Whether the person is only named when they act. Default: false.")


@extend_schema_serializer(component_name="SigningProcessStep")
class StepSerializer(NullMeansAbsent):
    """A step of a process. Its signers act in parallel."""

    not_clearable = frozenset({"signers"})

    id = Id(
        max_length=36,
        help_text="Resource identifier. In a PUT, a step without it is added.",
    )
    processOrder = Whole(source="process_order", help_text="Order of the step. Default: its position in the list.")
    stepStatus = Choice(StepStatus, source="status", read_only=True, help_text="Current step status.")
    dueDate = Moment(source="due_at", help_text="Due date and time of this step.")
    processStepSigners = SignerSerializer(  # type: ignore[call-arg]  # many=True takes a list's arguments too
        source="signers",
        many=True,
        required=False,
        allow_null=True,
        max_length=MAX_SIGNERS,
        help_text="Signers of this step. Null has the same meaning as a missing list.",
    )
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)


@extend_schema_serializer(component_name="SigningProcess")
class ProcessSerializer(NullMeansAbsent):
    """The signing process of one document, with its steps and signers."""

    not_clearable = frozenset({"steps", "initiator"})

    id = Text(read_only=True, help_text="Resource identifier.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Process creation timestamp.")
    signingProcessSteps = StepSerializer(  # type: ignore[call-arg]
        source="steps",
        many=True,
        required=False,
        allow_null=True,
        max_length=MAX_STEPS,
        help_text="Steps, which run one after another. Null has the same meaning as a missing list.",
    )
    processInitiatorEmail = Email(source="initiator_email", help_text="Email address of the process initiator.")
    documentId = Text(source="document_id", max_length=255, help_text="ID of the document in its own system.")
    documentName = Text(source="document_name", max_length=255, help_text="Display name of the related document.")
    initiator = Text(max_length=255, allow_blank=False, help_text="Username of the initiator. Default: the caller.")
    comment = Text(max_length=4000, help_text="General comment, shown in emails to signers.")
    canceled = Flag(help_text="Whether the process was canceled. In a PUT, true cancels it.")
    status = Choice(ProcessStatus, help_text="Current process status. On create: STARTED (default) or PENDING.")
    documentType = Text(source="document_type", max_length=255, help_text="Type of the document.")
    ownerGroup = Text(source="owner_group", max_length=255, help_text="Owner group of the process.")
    completedAt = Moment(source="completed_at", read_only=True, help_text="Time at which the last step completed.")
    initiatorName = Text(source="initiator_name", max_length=255, help_text="Full display name of the initiator.")
    totalSigners = Whole(read_only=True, help_text="Number of signers who sign or approve.")
    totalSigned = Whole(read_only=True, help_text="Number of signers who have signed or approved.")
    signers = SignerSerializer(many=True, read_only=True, help_text="Every signer of the process, in step order.")
    currentInProgressStep = StepSerializer(read_only=True, allow_null=True, help_text="The STARTED step, or null.")
    attributes = Attributes(help_text="Values of the document's attributes by name. A PUT replaces all of them.")
    seal = Text(read_only=True, help_text="Seal profile code of the document profile. Null before the process starts.")
    isSealRequired = Flag(read_only=True, help_text="Whether a seal is required. False before the process starts.")
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)


class PlannedStepSerializer(StepSerializer):
    dueInDays = Whole(source="due_in_days", help_text="Days from `startAt` to the due date, instead of a dueDate.")

    def validate(self, body: Body) -> Body:
        step = super().validate(body)
        days = step.get("due_in_days")
        if days is not None and step.get("due_at") is not None:
            raise serializers.ValidationError(
                {"dueInDays": "A step must not have both dueDate and dueInDays."}, "contradiction"
            )
        if days is not None and days > MAX_DUE_IN_DAYS:
            raise serializers.ValidationError(
                {"dueInDays": f"dueInDays must be at most {MAX_DUE_IN_DAYS}."}, "max_value"
            )
        return step


class TemplateDataSerializer(ProcessSerializer):
    """The data of a template: a process whose steps may be due some days after the start."""

    signingProcessSteps = PlannedStepSerializer(  # type: ignore[call-arg]
        source="steps", many=True, required=False, allow_null=True, max_length=MAX_STEPS
    )


@extend_schema_serializer(component_name="ProcessOfTemplate")
class OverridesSerializer(serializers.Serializer):
    documentId = Text(source="document_id", max_length=255, help_text="Replaces the value in the template.")
    documentName = Text(source="document_name", max_length=255, help_text="Replaces the value in the template.")
    initiator = Text(max_length=255, allow_blank=False, help_text="Username of the initiator. Default: the caller.")
    initiatorName = Text(source="initiator_name", max_length=255, help_text="Replaces the value in the template.")
    processInitiatorEmail = Email(source="initiator_email", help_text="Replaces the value in the template.")
    startAt = Moment(source="start_at", help_text="Time from which `dueInDays` is counted. Default: now.")


class FirstBad(serializers.Serializer):
    seq = serializers.IntegerField(allow_null=True, help_text="Sequence number in the process's audit chain.")
    number = serializers.IntegerField(allow_null=True, help_text="Number of the event; null if it is missing.")
    detail = serializers.CharField()


@extend_schema_serializer(component_name="Verdict")
class VerdictSerializer(serializers.Serializer):
    whole = serializers.BooleanField(help_text="Whether everything was checked and the audit trail is intact.")
    checkedAt = serializers.DateTimeField()
    events = serializers.IntegerField(help_text="Number of events that were checked.")
    firstBad = FirstBad(allow_null=True)
    notChecked = serializers.ListField(child=serializers.CharField(), help_text="What could not be checked, and why.")


@extend_schema_serializer(component_name="ProcessAudit")
class ProcessAuditSerializer(EventPage):
    """A page of events, and the verdict on all of them."""

    verdict = VerdictSerializer()


@extend_schema_serializer(component_name="SignerTask")
class TaskSerializer(serializers.Serializer):
    process = ProcessSerializer(
        help_text="The process. Personal codes, email addresses and private notes of other people are null."
    )
    step = StepSerializer(help_text="The step with its due date.")
    signer = SignerSerializer(help_text="The person's own signer entry.")
    overdue = serializers.BooleanField(help_text="Whether it is this person's turn and the due date has passed.")
    actions = serializers.ListField(
        child=serializers.ChoiceField(Reportable.values), help_text="The statuses that this person may report now."
    )


@extend_schema_serializer(component_name="SigningProcessFind")
class SearchSerializer(serializers.Serializer):
    documentId = Text(source="document_id", max_length=255, help_text="ID of the document.")
    personalCode = PersonalCode(source="personal_code", help_text="Personal code of a signer.")


@extend_schema_serializer(component_name="SignerAct")
class ActSerializer(serializers.Serializer):
    signingStatus = Choice(
        Reportable, source="status", required=True, allow_null=False, help_text="The act that the person performed."
    )
    signerComment = Text(source="comment", max_length=4000, help_text="Comment, or the reason for a decline.")
    signerName = Text(source="name", max_length=255, help_text="Allowed for an anonymous signer only.")
    signerCountry = Country(source="country", help_text="Allowed for an anonymous signer only.")
    signerPersonalCode = PersonalCode(source="personal_code", help_text="Allowed for an anonymous signer only.")


@extend_schema_serializer(component_name="ProcessCancel")
class CancelSerializer(serializers.Serializer):
    reason = Text(max_length=4000, help_text="Reason, included in the emails.")


@extend_schema_serializer(component_name="ProcessRemind")
class RemindSerializer(serializers.Serializer):
    signers = serializers.ListField(
        child=StrictUuid(),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_length=MAX_SIGNERS,
        help_text="IDs of the signers to remind. Default: every signer whose turn it is.",
    )


@extend_schema_serializer(component_name="TestEmail")
class TestEmailSerializer(serializers.Serializer):
    sent = serializers.BooleanField(help_text="Whether an email was queued.")
    addressee = serializers.CharField(help_text="Email address of the recipient.")
    subject = serializers.CharField(allow_null=True)
    language = serializers.CharField(allow_null=True, help_text="Language of the text.")
    template = serializers.CharField(allow_null=True, help_text="The template or shipped text that was used.")
    reason = serializers.CharField(allow_null=True, help_text="Why no email would be sent.")


class SkippedSerializer(serializers.Serializer):
    signerId = serializers.CharField()
    reason = serializers.CharField()


@extend_schema_serializer(component_name="Reminded")
class RemindedSerializer(serializers.Serializer):
    reminded = serializers.ListField(child=serializers.CharField(), help_text="IDs of the signers who get an email.")
    skipped = SkippedSerializer(many=True, help_text="Signers who get no email, with the reason.")
