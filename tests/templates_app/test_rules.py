"""The rules of a document type, without a database."""

import json
from typing import Any

import pytest

from templates_app.rules import AttributeRule, MalformedRules, Rules

RULES = Rules(
    review_required=True,
    seal="company",
    attributes=(
        AttributeRule("Rent", "NUMBER", required=True),
        AttributeRule("Furnished", "CHECKBOX", required=False),
        AttributeRule("Handover", "DATETIME", required=False),
        AttributeRule("a/b~c", "TEXT", required=False),
    ),
)
VALID = {"Rent": 850, "Furnished": False, "Handover": "2026-02-17T11:00:00Z", "a/b~c": "x"}


def test_valid_values_have_no_errors() -> None:
    assert list(RULES.faults(VALID, complete=True)) == []
    assert list(RULES.faults(dict.fromkeys(VALID), complete=False)) == []


@pytest.mark.parametrize(
    ("values", "pointer", "detail"),
    [
        ({"Rent": "850"}, "#/attributes/Rent", "The value must be a number without quotes."),
        ({"Rent": True}, "#/attributes/Rent", "The value must be a number without quotes."),
        ({"Furnished": 1}, "#/attributes/Furnished", "The value must be true or false."),
        ({"Furnished": "true"}, "#/attributes/Furnished", "The value must be true or false."),
        ({"Handover": "17.02.2026"}, "#/attributes/Handover", "The value must be a date and time"),
        ({"a/b~c": 1}, "#/attributes/a~1b~0c", "The value must be a string in quotes."),
        ({"Color": "red"}, "#/attributes/Color", "Allowed attributes: Rent, Furnished, Handover, a/b~c."),
    ],
)
def test_each_error_has_a_pointer_and_says_what_is_allowed(
    values: dict[str, object], pointer: str, detail: str
) -> None:
    (fault,) = RULES.faults(values, complete=False)
    assert fault.pointer == pointer
    assert detail in fault.detail


@pytest.mark.parametrize("values", [{}, {"Rent": None}])
def test_required_attributes_are_only_missing_when_the_process_starts(values: dict[str, object]) -> None:
    assert list(RULES.faults(values, complete=False)) == []
    (fault,) = RULES.faults(values, complete=True)
    assert (fault.code, fault.pointer) == ("missing_attribute", "#/attributes/Rent")


def test_without_a_profile_every_attribute_is_allowed() -> None:
    assert not Rules().has_profile
    assert list(Rules().faults({"Color": ["red"]}, complete=True)) == []


@pytest.mark.parametrize("rules", [RULES, Rules(), Rules(attributes=())])
def test_rules_are_read_as_they_were_stored(rules: Rules) -> None:
    assert Rules.from_json(json.loads(json.dumps(rules.to_json()))) == rules
    assert Rules.from_json(None) == Rules()


@pytest.mark.parametrize(
    "values",
    [
        [1],
        "x",
        5,
        {"unknown": 1},
        {"seal": 5},
        {"continue_on_decline": "true"},
        {"attributes": 5},
        {"attributes": "ab"},
        {"attributes": [5]},
        {"attributes": [{"name": 5, "type": "TEXT", "required": True}]},
        {"attributes": [{"name": "Rent", "type": [], "required": True}]},
        {"attributes": [{"name": "Rent", "type": "TEXT", "required": {}}]},
    ],
)
def test_rules_of_another_form_are_refused(values: Any) -> None:
    with pytest.raises(MalformedRules):
        Rules.from_json(values)
