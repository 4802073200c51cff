"""Document attributes and profiles over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from templates_app.models import DocumentAttribute, DocumentProfile
from tests.builders import attribute_of, profile_of
from tests.conftest import Api
from tests.people import ILZE

WHOLE = {
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
        ("written", "kept"),
        [("Text", "TEXT"), ("Datetime", "DATETIME"), ("Checkbox", "CHECKBOX"), ("number", "NUMBER"), ("TEXT", "TEXT")],
    )
    def test_types_are_taken_in_any_case(self, clerk: Api, written: str, kept: str) -> None:
        made = clerk.post("/api/document-attributes", {"name": "Amount", "type": written, "required": True})
        assert made.status_code == 201
        assert {k: made.json()[k] for k in ("name", "type", "required")} == {
            "name": "Amount",
            "type": kept,
            "required": True,
        }
        address = f"/api/document-attributes/{made.json()['id']}"
        assert clerk.get(address).json() == made.json()
        assert clerk.put(address, {"required": None}).json()["required"] is False
        assert clerk.delete(address).status_code == 204

    @pytest.mark.parametrize(
        ("wrong", "pointer", "code"),
        [
            ({"type": "Colour"}, "#/type", "invalid_choice"),
            ({"type": None}, "#/type", "required"),
            ({"name": ""}, "#/name", "required"),
            ({"name": None}, "#/name", "required"),
            ({"required": "yes"}, "#/required", "invalid"),
        ],
    )
    def test_what_cannot_be_is_refused(self, clerk: Api, wrong: dict[str, Any], pointer: str, code: str) -> None:
        kept = attribute_of("Kept")
        for refused in (
            clerk.post("/api/document-attributes", {"name": "Amount", "type": "NUMBER", **wrong}),
            clerk.put(f"/api/document-attributes/{kept.pk}", wrong),
        ):
            assert refused.status_code == 400
            assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [(pointer, code)]
        assert "type" in clerk.post("/api/document-attributes", {"name": "x"}).json()["errors"][0]["pointer"]
        assert DocumentAttribute.objects.count() == 1

    def test_a_name_is_given_once(self, clerk: Api) -> None:
        attribute_of("Amount")
        other = attribute_of("Other")
        for refused in (
            clerk.post("/api/document-attributes", {"name": "Amount", "type": "TEXT"}),
            clerk.put(f"/api/document-attributes/{other.pk}", {"name": "Amount"}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (409, "taken")
        assert clerk.get("/api/document-attributes?name=amo").json()["totalElements"] == 1

    def test_one_in_use_stays_and_it_is_said_where(self, clerk: Api) -> None:
        profile = profile_of("LEASE", name="Leases", attributes=[{"name": "Amount", "type": "Number"}])
        attribute = DocumentAttribute.objects.get()
        refused = clerk.delete(f"/api/document-attributes/{attribute.pk}")
        assert (refused.status_code, refused.json()["code"]) == (409, "attribute_in_use")
        assert f"'Leases' ({profile.pk})" in refused.json()["detail"]

        clerk.put(f"/api/document-profiles/{profile.pk}", {"attributes": []})
        assert clerk.delete(f"/api/document-attributes/{attribute.pk}").status_code == 204

    def test_a_change_is_seen_in_every_profile_that_asks_for_it(self, clerk: Api) -> None:
        attribute = attribute_of("Amount")
        profiles = [profile_of(kind, attributes=[{"id": str(attribute.pk)}]) for kind in ("LEASE", "OFFER")]
        clerk.put(f"/api/document-attributes/{attribute.pk}", {"required": True})
        for profile in profiles:
            read = clerk.get(f"/api/document-profiles/{profile.pk}", If_None_Match='"1"')
            assert (read.status_code, read["ETag"]) == (200, '"2"')
            assert read.json()["attributes"][0]["required"] is True


class TestProfiles:
    def test_a_profile_is_made_read_changed_and_deleted(self, clerk: Api) -> None:
        made = clerk.post("/api/document-profiles", {**WHOLE, "attributes": [{"name": "Amount", "type": "Number"}]})
        assert made.status_code == 201
        profile = made.json()
        assert {k: profile[k] for k in WHOLE} == WHOLE
        assert names(profile) == ["Amount"]
        address = f"/api/document-profiles/{profile['id']}"
        assert clerk.get(address).json() == profile
        assert clerk.put(address, {"seal": None}).json() == profile | {"seal": None}
        assert clerk.delete(address).status_code == 204
        assert DocumentAttribute.objects.count() == 1

    def test_attributes_are_named_by_id_or_brought_and_keep_their_order(self, clerk: Api) -> None:
        shared = attribute_of("Shared")
        wanted = [{"name": "New", "type": "Text"}, {"id": str(shared.pk)}]
        profile = clerk.post("/api/document-profiles", {"documentType": "LEASE", "attributes": wanted}).json()
        assert names(profile) == ["New", "Shared"]
        address = f"/api/document-profiles/{profile['id']}"

        turned = clerk.put(address, {"attributes": profile["attributes"][::-1]})
        assert (names(turned.json()), turned["ETag"]) == (["Shared", "New"], '"2"')
        assert clerk.put(address, {"name": "x"}).json()["attributes"] == turned.json()["attributes"]
        assert names(clerk.put(address, {"attributes": None}).json()) == []
        assert DocumentProfile.objects.get().history.first().asks_for == ""

    @pytest.mark.parametrize(
        ("listed", "status", "pointer", "code"),
        [
            ([{"id": "9dce9e72-6bf9-4874-8dd1-44342027dd4f"}], 400, "#/attributes/0/id", "unknown_id"),
            ([{"id": "string"}], 400, "#/attributes/0/id", "unknown_id"),
            ([{"id": "{Shared}", "required": True}], 400, "#/attributes/0", "attribute_differs"),
            ([{"id": "{Shared}"}, {"id": "{Shared}"}], 400, "#/attributes/1", "repeated"),
            ([{"name": "A", "type": "Text"}, {"name": "A", "type": "Text"}], 400, "#/attributes/1", "repeated"),
            ([{"name": "New", "type": "Text"}, {"type": "Text"}], 400, "#/attributes/1/name", "required"),
            ([{"name": "New"}], 400, "#/attributes/0/type", "required"),
            (
                [{"name": "New", "type": "Text"}, {"name": "Shared", "type": "Text"}],
                409,
                "#/attributes/1/name",
                "taken",
            ),
            ([None], 400, "#/attributes/0", "null"),
            ("x", 400, "#/attributes", "not_a_list"),
        ],
    )
    def test_a_list_that_cannot_be_is_refused_whole(
        self, clerk: Api, listed: Any, status: int, pointer: str, code: str
    ) -> None:
        shared = attribute_of("Shared")
        if isinstance(listed, list):
            listed = [a and {k: str(shared.pk) if v == "{Shared}" else v for k, v in a.items()} for a in listed]
        kept = profile_of("OFFER")
        for refused in (
            clerk.post("/api/document-profiles", {"documentType": "LEASE", "attributes": listed}),
            clerk.put(f"/api/document-profiles/{kept.pk}", {"attributes": listed}),
        ):
            assert refused.status_code == status, refused.content
            assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [(pointer, code)]
        assert DocumentProfile.objects.count() == 1
        assert list(DocumentAttribute.objects.values_list("name", flat=True)) == ["Shared"]

    @pytest.mark.parametrize(("first", "second"), [(None, None), (None, ""), ("", None), ("legal", "legal")])
    def test_there_is_one_for_each_type_and_group(self, clerk: Api, first: Any, second: Any) -> None:
        profile_of("LEASE", ownerGroup=first)
        refused = clerk.post("/api/document-profiles", {"documentType": "LEASE", "ownerGroup": second})
        assert (refused.status_code, refused.json()["code"]) == (409, "taken")
        other = profile_of("LEASE", ownerGroup="sales")
        assert clerk.put(f"/api/document-profiles/{other.pk}", {"ownerGroup": second}).status_code == 409
        assert DocumentProfile.objects.count() == 2

    @pytest.mark.parametrize("document_type", [None, ""])
    def test_a_profile_is_for_a_type(self, clerk: Api, document_type: Any) -> None:
        kept = profile_of("LEASE")
        for refused in (
            clerk.post("/api/document-profiles", {"documentType": document_type}),
            clerk.put(f"/api/document-profiles/{kept.pk}", {"documentType": document_type}),
        ):
            assert refused.json()["errors"][0]["pointer"] == "#/documentType"

    def test_lists_are_in_their_order_and_filtered(self, clerk: Api, queries: Callable[[], Any]) -> None:
        for kind, order, group in (("C", 3, None), ("A", 1, "legal"), ("B", 2, None)):
            profile_of(
                kind, profileorder=order, ownerGroup=group, name=f"Ž{kind}", attributes=[{"name": kind, "type": "Text"}]
            )

        def found(query: str) -> list[str]:
            return [row["documentType"] for row in clerk.get(f"/api/document-profiles?{query}").json()["content"]]

        assert found("") == ["A", "B", "C"]
        assert found("sort=profileorder,desc") == found("sort=name,desc") == ["C", "B", "A"]
        assert found("name=za") == found("documentType=A") == found("ownerGroup=legal") == ["A"]
        assert clerk.get("/api/document-profiles?sort=seal").status_code == 400
        with queries() as made:
            clerk.get("/api/document-profiles")
        assert made() <= 6
