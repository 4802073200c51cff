"""Document attributes and profiles over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from templates_app.models import DocumentAttribute, DocumentProfile
from tests.builders import attribute_of, profile_of
from tests.conftest import Api
from tests.people import ILZE

COMPLETE = {
    "name": "Leases",
    "documentType": "LEASE",
    "ownerGroup": "legal",
    "seal": "company",
    "isSealRequired": True,
    "profileorder": 3,
    "continueOnDecline": True,
    "reviewRequired": True,
}


@pytest.fixture
def clerk(api_of: Callable[..., Api]) -> Api:
    return api_of(ILZE, rights=["manage_profiles"])


def names(profile: dict[str, Any]) -> list[str]:
    return [attribute["name"] for attribute in profile["attributes"]]


class TestAttributes:
    @pytest.mark.parametrize(
        ("sent", "stored"),
        [("Text", "TEXT"), ("Datetime", "DATETIME"), ("Checkbox", "CHECKBOX"), ("number", "NUMBER"), ("TEXT", "TEXT")],
    )
    def test_types_are_accepted_in_any_case(self, clerk: Api, sent: str, stored: str) -> None:
        created = clerk.post("/api/document-attributes", {"name": "Amount", "type": sent, "required": True})
        assert created.status_code == 201
        assert {k: created.json()[k] for k in ("name", "type", "required")} == {
            "name": "Amount",
            "type": stored,
            "required": True,
        }
        address = f"/api/document-attributes/{created.json()['id']}"
        assert clerk.get(address).json() == created.json()
        assert clerk.put(address, {"required": None}).json()["required"] is False
        assert clerk.delete(address).status_code == 204

    @pytest.mark.parametrize(
        ("invalid", "pointer", "code"),
        [
            ({"type": "Color"}, "#/type", "invalid_choice"),
            ({"type": None}, "#/type", "required"),
            ({"name": ""}, "#/name", "required"),
            ({"name": None}, "#/name", "required"),
            ({"required": "yes"}, "#/required", "invalid"),
        ],
    )
    def test_invalid_values_are_refused(self, clerk: Api, invalid: dict[str, Any], pointer: str, code: str) -> None:
        existing = attribute_of("Existing")
        for refused in (
            clerk.post("/api/document-attributes", {"name": "Amount", "type": "NUMBER", **invalid}),
            clerk.put(f"/api/document-attributes/{existing.pk}", invalid),
        ):
            assert refused.status_code == 400
            assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [(pointer, code)]
        assert "type" in clerk.post("/api/document-attributes", {"name": "x"}).json()["errors"][0]["pointer"]
        assert DocumentAttribute.objects.count() == 1

    def test_names_are_unique(self, clerk: Api) -> None:
        attribute_of("Amount")
        other = attribute_of("Other")
        for refused in (
            clerk.post("/api/document-attributes", {"name": "Amount", "type": "TEXT"}),
            clerk.put(f"/api/document-attributes/{other.pk}", {"name": "Amount"}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (409, "taken")
        assert clerk.get("/api/document-attributes?name=amo").json()["totalElements"] == 1

    def test_an_attribute_in_use_is_not_deleted_and_the_error_names_its_profiles(self, clerk: Api) -> None:
        profile = profile_of("LEASE", name="Leases", attributes=[{"name": "Amount", "type": "Number"}])
        attribute = DocumentAttribute.objects.get()
        refused = clerk.delete(f"/api/document-attributes/{attribute.pk}")
        assert (refused.status_code, refused.json()["code"]) == (409, "attribute_in_use")
        assert f"'Leases' ({profile.pk})" in refused.json()["detail"]

        clerk.put(f"/api/document-profiles/{profile.pk}", {"attributes": []})
        assert clerk.delete(f"/api/document-attributes/{attribute.pk}").status_code == 204

    def test_a_change_applies_to_every_profile_with_the_attribute(self, clerk: Api) -> None:
        attribute = attribute_of("Amount")
        profiles = [profile_of(kind, attributes=[{"id": str(attribute.pk)}]) for kind in ("LEASE", "OFFER")]
        clerk.put(f"/api/document-attributes/{attribute.pk}", {"required": True})
        for profile in profiles:
            read = clerk.get(f"/api/document-profiles/{profile.pk}", If_None_Match='"1"')
            assert (read.status_code, read["ETag"]) == (200, '"2"')
            assert read.json()["attributes"][0]["required"] is True


class TestProfiles:
    def test_a_profile_is_created_read_changed_and_deleted(self, clerk: Api) -> None:
        created = clerk.post(
            "/api/document-profiles", {**COMPLETE, "attributes": [{"name": "Amount", "type": "Number"}]}
        )
        assert created.status_code == 201
        profile = created.json()
        assert {k: profile[k] for k in COMPLETE} == COMPLETE
        assert names(profile) == ["Amount"]
        address = f"/api/document-profiles/{profile['id']}"
        assert clerk.get(address).json() == profile
        changed = clerk.put(address, {"seal": None}).json()
        assert [warning["pointer"] for warning in changed.pop("warnings")] == ["#/seal"]
        assert changed | {"warnings": []} == profile | {"seal": None}
        assert clerk.delete(address).status_code == 204
        assert DocumentAttribute.objects.count() == 1

    def test_attributes_exist_or_are_created_and_keep_their_order(self, clerk: Api) -> None:
        shared = attribute_of("Shared")
        attributes = [{"name": "New", "type": "Text"}, {"id": str(shared.pk)}]
        profile = clerk.post("/api/document-profiles", {"documentType": "LEASE", "attributes": attributes}).json()
        assert names(profile) == ["New", "Shared"]
        address = f"/api/document-profiles/{profile['id']}"

        reversed_order = clerk.put(address, {"attributes": profile["attributes"][::-1]})
        assert (names(reversed_order.json()), reversed_order["ETag"]) == (["Shared", "New"], '"2"')
        assert clerk.put(address, {"name": "x"}).json()["attributes"] == reversed_order.json()["attributes"]
        assert names(clerk.put(address, {"attributes": []}).json()) == []
        assert DocumentProfile.objects.get().history.first().asks_for == ""

    @pytest.mark.parametrize(
        ("attributes", "status", "pointer", "code"),
        [
            ([{"id": "9dce9e72-6bf9-4874-8dd1-44342027dd4f"}], 400, "#/attributes/0/id", "unknown_id"),
            ([{"id": "string"}], 400, "#/attributes/0/id", "unknown_id"),
            ([{"id": "{Shared}", "required": True}], 400, "#/attributes/0", "attribute_differs"),
            ([{"id": "{Shared}"}, {"id": "{Shared}"}], 400, "#/attributes/1", "repeated"),
            ([{"name": "A", "type": "Text"}, {"name": "A", "type": "Text"}], 400, "#/attributes/1", "repeated"),
            ([{"name": "New", "type": "Text"}, {"type": "Text"}], 400, "#/attributes/1/name", "required"),
            ([{"name": "New"}], 400, "#/attributes/0/type", "required"),
            (
                [{"name": "New", "type": "Text"}, {"name": "Shared", "type": "Number"}],
                409,
                "#/attributes/1/name",
                "taken",
            ),
            ([None], 400, "#/attributes/0", "null"),
            ("x", 400, "#/attributes", "not_a_list"),
        ],
    )
    def test_an_invalid_list_is_refused_as_a_whole(
        self, clerk: Api, attributes: Any, status: int, pointer: str, code: str
    ) -> None:
        shared = attribute_of("Shared")
        if isinstance(attributes, list):
            attributes = [a and {k: str(shared.pk) if v == "{Shared}" else v for k, v in a.items()} for a in attributes]
        existing = profile_of("OFFER")
        for refused in (
            clerk.post("/api/document-profiles", {"documentType": "LEASE", "attributes": attributes}),
            clerk.put(f"/api/document-profiles/{existing.pk}", {"attributes": attributes}),
        ):
            assert refused.status_code == status, refused.content
            assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [(pointer, code)]
        assert DocumentProfile.objects.count() == 1
        assert list(DocumentAttribute.objects.values_list("name", flat=True)) == ["Shared"]

    def test_an_entry_without_id_is_the_existing_attribute_that_it_describes(self, clerk: Api) -> None:
        row = {"name": "Amount", "type": "Number", "required": True}
        first = clerk.post("/api/document-profiles", {"documentType": "LEASE", "attributes": [row]})
        second = clerk.post("/api/document-profiles", {"documentType": "OFFER", "attributes": [{**row, "id": None}]})
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["attributes"] == second.json()["attributes"]
        again = clerk.put(
            f"/api/document-profiles/{first.json()['id']}", {"documentType": "LEASE", "attributes": [row]}
        )
        assert (again.status_code, again["ETag"]) == (200, '"1"')
        for other in ({"type": "Text"}, {"required": False}, {"required": None}):
            refused = clerk.post("/api/document-profiles", {"documentType": "X", "attributes": [{**row, **other}]})
            assert (refused.status_code, refused.json()["code"]) == (409, "taken")
        for twice in ([row, row], [row, first.json()["attributes"][0]]):
            refused = clerk.post("/api/document-profiles", {"documentType": "X", "attributes": twice})
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "repeated")
        assert DocumentAttribute.objects.count() == 1

    @pytest.mark.parametrize(("first", "second"), [(None, None), (None, ""), ("", None), ("legal", "legal")])
    def test_there_is_one_profile_per_type_and_group(self, clerk: Api, first: Any, second: Any) -> None:
        profile_of("LEASE", ownerGroup=first)
        refused = clerk.post("/api/document-profiles", {"documentType": "LEASE", "ownerGroup": second})
        assert (refused.status_code, refused.json()["code"]) == (409, "taken")
        other = profile_of("LEASE", ownerGroup="sales")
        assert clerk.put(f"/api/document-profiles/{other.pk}", {"ownerGroup": second}).status_code == 409
        assert DocumentProfile.objects.count() == 2

    @pytest.mark.parametrize("document_type", [None, ""])
    def test_a_profile_must_have_a_type(self, clerk: Api, document_type: Any) -> None:
        existing = profile_of("LEASE")
        for refused in (
            clerk.post("/api/document-profiles", {"documentType": document_type}),
            clerk.put(f"/api/document-profiles/{existing.pk}", {"documentType": document_type}),
        ):
            assert refused.json()["errors"][0]["pointer"] == "#/documentType"

    def test_lists_are_sorted_and_filtered(self, clerk: Api, queries: Callable[[], Any]) -> None:
        for kind, order, group in (("C", 3, None), ("A", 1, "legal"), ("B", 2, None)):
            profile_of(
                kind, profileorder=order, ownerGroup=group, name=f"Ž{kind}", attributes=[{"name": kind, "type": "Text"}]
            )

        def types(query: str) -> list[str]:
            return [row["documentType"] for row in clerk.get(f"/api/document-profiles?{query}").json()["content"]]

        assert types("") == ["A", "B", "C"]
        assert types("sort=profileorder,desc") == types("sort=name,desc") == ["C", "B", "A"]
        assert types("name=za") == types("documentType=A") == types("ownerGroup=legal") == ["A"]
        assert clerk.get("/api/document-profiles?sort=seal").status_code == 400
        with queries() as count:
            clerk.get("/api/document-profiles")
        assert count() <= 7
