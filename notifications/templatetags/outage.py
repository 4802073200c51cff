"""The banner of the back office about an outage of the mail server."""

from django import template
from django.http import HttpRequest
from django.template.context import RequestContext

from config.vocabulary import Right
from notifications.delivery.outage import current_outage
from notifications.models import Outage

register = template.Library()


@register.inclusion_tag("notifications/outage_banner.html", takes_context=True)
def outage_banner(context: RequestContext) -> dict[str, Outage | None]:
    """The outage, for staff who may administer: the response may contain addresses."""
    request: HttpRequest = context["request"]
    if not request.user.is_staff or not request.user.has_perm(f"access.{Right.ADMINISTER}"):
        return {"outage": None}
    outage = current_outage()
    if outage is None or not outage.is_certain:
        return {"outage": None}
    return {"outage": outage}
