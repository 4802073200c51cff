"""Nobody can have a name that a reader takes for that of the service."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.service_name import SERVICE_NAME, resembles_service_name

LOOK_ALIKES = {
    "p": "pPрρⲣ𝓹ｐⓟᴘƥ",
    "a": "aAаα𝕒ａⓐᴀä",
    "r": "rRг𝐫ｒⓡʀŕ",
    "h": "hHһհ𝚑ｈⓗʜĥ",
}
INVISIBLE = " .-_\u200b\u00ad\u3164\u2800\u0301\ufe0f\u202e"


@given(st.tuples(*(st.sampled_from(LOOK_ALIKES[letter]) for letter in SERVICE_NAME)), st.data())
def test_every_spelling_that_looks_like_the_name_is_recognized(letters: tuple[str, ...], data: st.DataObject) -> None:
    gaps = [data.draw(st.text(INVISIBLE, max_size=2)) for _ in letters]
    name = "".join(letter + gap for letter, gap in zip(letters, gaps, strict=True))
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert resembles_service_name(unicodedata.normalize(form, name))


@pytest.mark.parametrize("name", ["", "portal", "paraph-portal", "paraph2", "парафия", "par", "Ana", "signing-server"])
def test_other_names_are_free(name: str) -> None:
    assert not resembles_service_name(name)
