"""The shapes of the wire, for reading bodies and for the schema. What they mean is the actions' business.

Fields that the server owns are read-only: accepted in a body and ignored.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from audit.api.schema import EventPage
from config.api.fields import Attributes, Choice, Country, Email, Flag, LanguageTag, Moment, Text, Whole
from config.api.schema import WARNINGS, FaultSerializer
from config.vocabulary import ProcessStatus, Reportable, Role, SignerStatus, StepStatus

MAX_STEPS = 100
MAX_SIGNERS = 500
MOST_DAYS = 3650


@extend_schema_serializer(component_name="ProcessStepSigner")
class SignerSerializer(serializers.Serializer):
    id = Text(max_length=36, help_text="Resource identificator. Names a known signer in a PUT; none adds one.")
    signerName = Text(source="name", max_length=255, help_text="Full name.")
    signerCountry = Country(source="country", help_text="Country of the personal code, ISO 3166-1 alpha-2.")
    signerPersonalCode = Text(
        source="personal_code",
        max_length=64,
        help_text="With the country it names the person; null for other people when a signer reads.",
    )
    signerEmail = Email(source="email", help_text="Where this person is written to.")
    signerRole = Choice(Role, source="role", help_text="What this person does; SIGNER unless said otherwise.")
    signerComment = Text(source="comment", max_length=4000, help_text="What this person said, a decline's reason too.")
    commentForSigner = Text(
        source="comment_for_signer", max_length=4000, help_text="A note for this person, in its mails."
    )
    signingStatus = Choice(
        SignerStatus, source="status", help_text="Where this person stands. A new final value reports its act."
    )
    signerNotification = Flag(source="notification", help_text="false: send this person nothing. Default true.")
    signerLanguage = LanguageTag(source="language", max_length=35, help_text="Language of its mails, a BCP 47 tag.")
    anonymous = Flag(help_text="Known by its address only; the act may bring who it was. Default false.")


@extend_schema_serializer(component_name="SigningProcessStep")
class StepSerializer(serializers.Serializer):
    id = Text(max_length=36, help_text="Resource identificator. Names a known step in a PUT; none adds one.")
    processOrder = Whole(source="process_order", help_text="Steps run by this number; absent: the place in the list.")
    stepStatus = Choice(StepStatus, source="status", read_only=True, help_text="Current step status.")
    dueDate = Moment(source="due_at", help_text="Due date/time for this step.")
    processStepSigners = SignerSerializer(  # type: ignore[call-arg]  # many=True takes a list's arguments too
        source="signers", many=True, required=False, max_length=MAX_SIGNERS, help_text="Signers of this step."
    )
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)


@extend_schema_serializer(component_name="SigningProcess")
class ProcessSerializer(serializers.Serializer):
    id = Text(read_only=True, help_text="Resource identificator.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Process creation timestamp.")
    signingProcessSteps = StepSerializer(  # type: ignore[call-arg]
        source="steps", many=True, required=False, max_length=MAX_STEPS, help_text="Steps, run one after another."
    )
    processInitiatorEmail = Email(source="initiator_email", help_text="Email of the process initiator.")
    documentId = Text(source="document_id", max_length=255, help_text="The document's id in the system it lives in.")
    documentName = Text(source="document_name", max_length=255, help_text="Display name of the related document.")
    initiator = Text(max_length=255, allow_blank=False, help_text="Username or code of the initiator; the caller.")
    comment = Text(max_length=4000, help_text="General process comment, in the mails to signers.")
    canceled = Flag(help_text="Whether the process was canceled; true in a PUT cancels it.")
    status = Choice(ProcessStatus, help_text="Current process status. On create: STARTED (default) or PENDING.")
    documentType = Text(source="document_type", max_length=255, help_text="Type/classification of the document.")
    ownerGroup = Text(source="owner_group", max_length=255, help_text="Owner group for this process.")
    completedAt = Moment(source="completed_at", read_only=True, help_text="When the last step completed.")
    initiatorName = Text(source="initiator_name", max_length=255, help_text="Full display name of the initiator.")
    totalSigners = Whole(read_only=True, help_text="Signers who sign or approve.")
    totalSigned = Whole(read_only=True, help_text="Signers who have signed or approved.")
    signers = SignerSerializer(many=True, read_only=True, help_text="Flat signer list, in step order.")
    currentInProgressStep = StepSerializer(read_only=True, allow_null=True, help_text="The step that is STARTED.")
    attributes = Attributes(
        help_text="What is said of the document, by the names of its type's attributes. Sent, it is the whole of it."
    )
    seal = Text(read_only=True, help_text="Seal profile code, of the document profile; null before the start.")
    isSealRequired = Flag(read_only=True, help_text="Whether a seal is required; false before the start.")
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)


class PlannedStepSerializer(StepSerializer):
    dueInDays = Whole(source="due_in_days", help_text="Due so many days after the start, instead of a dueDate.")

    def validate(self, step: dict[str, Any]) -> dict[str, Any]:
        days = step.get("due_in_days")
        if days is not None and step.get("due_at") is not None:
            raise serializers.ValidationError(
                {"dueInDays": "A step has a dueDate or dueInDays, not both."}, "contradiction"
            )
        if days is not None and days > MOST_DAYS:
            raise serializers.ValidationError({"dueInDays": f"At most {MOST_DAYS} days."}, "max_value")
        return step


class PlanSerializer(ProcessSerializer):
    """A template's data: a process whose steps may be due some days after its start."""

    signingProcessSteps = PlannedStepSerializer(  # type: ignore[call-arg]
        source="steps", many=True, required=False, max_length=MAX_STEPS
    )


@extend_schema_serializer(component_name="ProcessOfTemplate")
class WishesSerializer(serializers.Serializer):
    documentId = Text(source="document_id", max_length=255, help_text="Instead of the template's.")
    documentName = Text(source="document_name", max_length=255, help_text="Instead of the template's.")
    initiator = Text(max_length=255, allow_blank=False, help_text="Username or code of the initiator; the caller.")
    initiatorName = Text(source="initiator_name", max_length=255, help_text="Instead of the template's.")
    processInitiatorEmail = Email(source="initiator_email", help_text="Instead of the template's.")
    startAt = Moment(source="start_at", help_text="From when steps' `dueInDays` are counted; now unless said.")


@extend_schema_serializer(component_name="SignerTask")
class FirstBad(serializers.Serializer):
    seq = serializers.IntegerField(allow_null=True, help_text="Its place in the chain.")
    number = serializers.IntegerField(allow_null=True, help_text="Its number, if it is there.")
    detail = serializers.CharField()


class Verdict(serializers.Serializer):
    whole = serializers.BooleanField(help_text="Everything was checked, and is as it was written.")
    checkedAt = serializers.DateTimeField()
    events = serializers.IntegerField(help_text="Events that were checked.")
    firstBad = FirstBad(allow_null=True)
    notChecked = serializers.ListField(child=serializers.CharField(), help_text="What could not be checked, and why.")


class ProcessAudit(EventPage):
    verdict = Verdict()


class TaskSerializer(serializers.Serializer):
    process = ProcessSerializer(help_text="The process, other people without codes and addresses.")
    step = StepSerializer(help_text="The step with its due date.")
    signer = SignerSerializer(help_text="This person's own row.")
    overdue = serializers.BooleanField(help_text="It is this person's turn, and the due date is past.")
    actions = serializers.ListField(
        child=serializers.ChoiceField(Reportable.values), help_text="The statuses that this person may report now."
    )


@extend_schema_serializer(component_name="SigningProcessFind")
class FindSerializer(serializers.Serializer):
    documentId = Text(source="document_id", max_length=255, help_text="Document identificator.")
    personalCode = Text(source="personal_code", max_length=64, help_text="Personal code of a signer.")


@extend_schema_serializer(component_name="SignerAct")
class ActSerializer(serializers.Serializer):
    signingStatus = Choice(
        Reportable, source="status", required=True, allow_null=False, help_text="What the person did."
    )
    signerComment = Text(source="comment", max_length=4000, help_text="What the person said, a decline's reason too.")
    signerName = Text(source="name", max_length=255, help_text="Who it was; for an anonymous signer only.")
    signerCountry = Country(source="country", help_text="Who it was; for an anonymous signer only.")
    signerPersonalCode = Text(
        source="personal_code", max_length=64, help_text="Who it was; for an anonymous signer only."
    )


@extend_schema_serializer(component_name="ProcessCancel")
class CancelSerializer(serializers.Serializer):
    reason = Text(max_length=4000, help_text="Why; told to everybody who had been asked.")


@extend_schema_serializer(component_name="ProcessRemind")
class RemindSerializer(serializers.Serializer):
    signers = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_length=MAX_SIGNERS,
        help_text="Ids of the signers to remind; absent: everybody whose turn it is.",
    )


@extend_schema_serializer(component_name="TestEmail")
class TestEmailSerializer(serializers.Serializer):
    sent = serializers.BooleanField(help_text="Whether a mail was queued.")
    addressee = serializers.CharField(help_text="Whom it goes to, or would.")
    subject = serializers.CharField(allow_null=True)
    language = serializers.CharField(allow_null=True, help_text="The language it was written in.")
    template = serializers.CharField(allow_null=True, help_text="The text that was used: an operator's, or as shipped.")
    reason = serializers.CharField(allow_null=True, help_text="Why nothing would be sent.")


class SkippedSerializer(serializers.Serializer):
    signerId = serializers.CharField()
    reason = serializers.CharField()


@extend_schema_serializer(component_name="Reminded")
class RemindedSerializer(serializers.Serializer):
    reminded = serializers.ListField(child=serializers.CharField(), help_text="Ids of those who get a mail.")
    skipped = SkippedSerializer(many=True, help_text="Those who do not, and why.")
