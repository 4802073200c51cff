"""Builds the fallback fonts, and `coverage.json`, from three packages of Debian 12.

    apt-get install fonts-noto-core=20201225-1 fonts-noto-cjk=1:20220127+repack1-1 fonts-droid-fallback=1:6.0.1r16-1.1
    python signing/evidence/fonts/build.py

Each font keeps the characters of its scripts, without hints for screens. The results are in the repository.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.unicodedata import script, script_extension

FOLDER = Path(__file__).parent
SYSTEM = Path("/usr/share/fonts")
NOTO = SYSTEM / "truetype" / "noto"
DROID = SYSTEM / "truetype" / "droid" / "DroidSansFallbackFull.ttf"
CJK = SYSTEM / "opentype" / "noto" / "NotoSansCJK-Regular.ttc"

# The scripts of identifiers (UAX #31, tables 5 and 7) that DejaVu lacks or does not contain completely, and Mongolian.
SCRIPTS = {
    "NotoSansAdlam": "Adlm",
    "NotoSansArabic": "Arab",
    "NotoSansBalinese": "Bali",
    "NotoSansBamum": "Bamu",
    "NotoSansBatak": "Batk",
    "NotoSansBengali": "Beng",
    "NotoSansCanadianAboriginal": "Cans",
    "NotoSansChakma": "Cakm",
    "NotoSansCham": "Cham",
    "NotoSansCherokee": "Cher",
    "NotoSansDevanagari": "Deva",
    "NotoSansEthiopic": "Ethi",
    "NotoSansGeorgian": "Geor",
    "NotoSansGujarati": "Gujr",
    "NotoSansGurmukhi": "Guru",
    "NotoSansHanifiRohingya": "Rohg",
    "NotoSansHebrew": "Hebr",
    "NotoSansJavanese": "Java",
    "NotoSansKannada": "Knda",
    "NotoSansKayahLi": "Kali",
    "NotoSansKhmer": "Khmr",
    "NotoSansLepcha": "Lepc",
    "NotoSansLimbu": "Limb",
    "NotoSansMalayalam": "Mlym",
    "NotoSansMandaic": "Mand",
    "NotoSansMeeteiMayek": "Mtei",
    "NotoSansMiao": "Plrd",
    "NotoSansMongolian": "Mong",
    "NotoSansMyanmar": "Mymr",
    "NotoSansNKo": "Nkoo",
    "NotoSansNewTaiLue": "Talu",
    "NotoSansNewa": "Newa",
    "NotoSansOlChiki": "Olck",
    "NotoSansOriya": "Orya",
    "NotoSansOsage": "Osge",
    "NotoSansSaurashtra": "Saur",
    "NotoSansSinhala": "Sinh",
    "NotoSansSundanese": "Sund",
    "NotoSansSylotiNagri": "Sylo",
    "NotoSansSyriac": "Syrc",
    "NotoSansTaiLe": "Tale",
    "NotoSansTaiTham": "Lana",
    "NotoSansTaiViet": "Tavt",
    "NotoSansTamil": "Taml",
    "NotoSansTelugu": "Telu",
    "NotoSansThaana": "Thaa",
    "NotoSansThai": "Thai",
    "NotoSansVai": "Vaii",
    "NotoSansWancho": "Wcho",
    "NotoSansYi": "Yiii",
    "NotoSerifNyiakengPuachueHmong": "Hmnp",
    "NotoSerifTibetan": "Tibt",
}
ALPHABETS = {"Latn", "Grek", "Cyrl"}
JOINERS = {0x200C, 0x200D}


def build() -> None:
    dejavu = TTFont(FOLDER / "DejaVuSans.ttf")
    # Digits and punctuation of many scripts are drawn with DejaVu.
    shared = {char for char in _chars(dejavu) if script(chr(char)) == "Zyyy"}
    coverage: dict[str, set[int]] = {}

    # One font for each script. It precedes DejaVu, so that all of a word is drawn with one font.
    for name, code in SCRIPTS.items():
        font = TTFont(NOTO / f"{name}-Regular.ttf")
        kept = {char for char in _chars(font) if _is_of(char, {code}) and char not in shared}
        coverage[_family(font)] = _save(font, kept | JOINERS, f"{name}.ttf")
    coverage[_family(dejavu)] = _chars(dejavu)

    # Rare letters of three alphabets; the characters of Chinese, Japanese and Korean; and those that Droid lacks.
    noto = TTFont(NOTO / "NotoSans-Regular.ttf")
    kept = {char for char in _chars(noto) if _is_of(char, ALPHABETS)}
    coverage[_family(noto)] = _save(noto, kept, "NotoSans.ttf")
    droid = TTFont(DROID)
    kept = _chars(droid) - coverage[_family(dejavu)]
    coverage[_family(droid)] = _save(droid, kept, "DroidSansFallback.ttf")
    cjk = TTFont(CJK, fontNumber=0)
    kept = _chars(cjk).difference(*coverage.values())
    coverage[_family(cjk)] = _save(cjk, kept, "NotoSansCJK.otf")

    ranges = {family: _ranges(chars) for family, chars in coverage.items()}
    (FOLDER / "coverage.json").write_text(json.dumps(ranges, indent=0) + "\n")


def _is_of(char: int, scripts: set[str]) -> bool:
    """Whether the character belongs to one of the scripts, or is a mark of any script."""
    if script(chr(char)) == "Zinh":
        return True
    return bool(scripts & script_extension(chr(char)))


def _chars(font: TTFont) -> set[int]:
    return set(font.getBestCmap() or ())


def _family(font: TTFont) -> str:
    return str(font["name"].getBestFamilyName())


def _save(font: TTFont, kept: set[int], name: str) -> set[int]:
    options = Options(hinting=False, notdef_outline=True, recalc_timestamp=False)
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=kept)
    subsetter.subset(font)
    font.save(FOLDER / "fallback" / name)
    return _chars(font)


def _ranges(chars: Iterable[int]) -> str:
    """The code points in hexadecimal, as space-separated ranges."""
    ranges: list[list[int]] = []
    for char in sorted(chars):
        if ranges and ranges[-1][1] == char - 1:
            ranges[-1][1] = char
        else:
            ranges.append([char, char])
    return " ".join(f"{first:X}-{last:X}" for first, last in ranges)


if __name__ == "__main__":
    build()
