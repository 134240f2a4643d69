"""Validation: each kind of bad example named, what can be mended mended, ingest's output untouched."""

import hashlib
import json
import random
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from dlt.check import Fault, check_example
from dlt.errors import DltError
from dlt.section.example import Place, read_example
from dlt.section.labels import contract, labels
from dlt.section.schemas import LAYOUT_SCHEMA, META_SCHEMA, STRUCTURE_SCHEMA
from dlt.validate import validate

SECTIONS = Path(__file__).parents[2] / "shared" / "sections" / "sections.zip"

STRUCTURE = '{"div.a": {"p": {"text": "one"}, "p": {"text": "two"}, "img": {}}}'
LAYOUT = """{"structure": {"section@div.a": {"paragraph@p": "", "paragraph@p": ""}},
"props": {"bi": "img"}, "boxes": [[0, 0, 1, 1], [0, 0, 1, 0.5], [0, 0.5, 1, 0.5]]}"""


def png(width: int = 512, height: int = 16) -> bytes:
    """A PNG file whose lines cannot be compressed."""
    pixels = random.Random(0).randbytes(width * height)
    out = BytesIO()
    Image.frombytes("L", (width, height), pixels).save(out, "PNG")
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG file that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


PNG = png()


def make_example(folder: Path, **files: str | bytes | None) -> Path:
    """Write a good example; `screenshot=`, `structure=` etc. replace a file, None leaves it out."""
    contents = {"screenshot": PNG, "structure": STRUCTURE, "layout": LAYOUT, "meta": None, **files}
    folder.mkdir(parents=True)
    for name, content in contents.items():
        path = folder / f"{name}.{'png' if name == 'screenshot' else 'json'}"
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def faults_of(tmp_path: Path, **files: str | bytes | None) -> list[Fault]:
    return check_example(Place("example", make_example(tmp_path / "example", **files))).faults


def layout(**fields: Any) -> str:
    elements = {"section@div.a": {"paragraph@p": ""}}
    return json.dumps({"structure": elements, "props": {}, **fields})


def boxes(*last: float) -> str:
    return layout(boxes=[[0, 0, 1, 1], list(last)])


def fingerprint(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def report(out: Path) -> Iterator[dict[str, Any]]:
    yield from json.loads((out / "report.json").read_text())["examples"]


def test_a_good_example_has_no_faults(tmp_path: Path) -> None:
    meta = '{"site": "s", "viewport": 1280, "width": 512, "height": 16, "licence": null}'
    checked = check_example(Place("example", make_example(tmp_path / "example", meta=meta)))
    assert checked.faults == []
    assert checked.size == (512, 16)
    assert checked.example == read_example(tmp_path / "example")
    assert len(checked.example.structure) == 4, "repeated keys are kept"


@pytest.mark.parametrize(
    ("files", "file", "code"),
    [
        ({"screenshot": None}, "screenshot.png", "missing"),
        ({"structure": None}, "structure.json", "missing"),
        ({"layout": None}, "layout.json", "missing"),
        ({"screenshot": b""}, "screenshot.png", "image-format"),
        ({"screenshot": b"GIF89a" + bytes(100)}, "screenshot.png", "image-format"),
        ({"screenshot": PNG[:20]}, "screenshot.png", "image-format"),
        ({"screenshot": png(1, 1)}, "screenshot.png", "image-size"),
        ({"screenshot": png(511, 100)}, "screenshot.png", "image-size"),
        ({"screenshot": png(1040, 16)}, "screenshot.png", "image-size"),
        ({"screenshot": png_header(30_000, 30_000)}, "screenshot.png", "image-size"),
        ({"screenshot": png_header(512, 512)}, "screenshot.png", "image-decode"),
        ({"screenshot": PNG[: len(PNG) // 2]}, "screenshot.png", "image-decode"),
        ({"screenshot": PNG[:-40]}, "screenshot.png", "image-decode"),
        ({"structure": "{"}, "structure.json", "json"),
        ({"structure": b"\xff\xfe"}, "structure.json", "json"),
        ({"structure": "[1]"}, "structure.json", "json"),
        ({"structure": '{"div": 3}'}, "structure.json", "json"),
        ({"structure": '{"div": {}, "p": {}}'}, "structure.json", "json"),
        ({"structure": '{"div.a":' * 8_000 + "{}" + "}" * 8_000}, "structure.json", "json"),
        ({"layout": '{"a":' * 8_000 + "{}" + "}" * 8_000}, "layout.json", "json"),
        ({"meta": '{"a":' * 8_000 + "{}" + "}" * 8_000}, "meta.json", "json"),
        ({"structure": '{"div..a": {}}'}, "structure.json", "schema"),
        ({"structure": '{"": {}}'}, "structure.json", "json"),
        (
            {"structure": '{"div.a": {"p": {"text": "\\ud800"}, "p": {}, "img": {}}}'},
            "structure.json",
            "json",
        ),
        ({"layout": '{"props": {}}'}, "layout.json", "json"),
        ({"layout": '{"structure": {}, "more": 1}'}, "layout.json", "json"),
        ({"layout": '{"structure": {}}'}, "layout.json", "schema"),
        ({"layout": '{"structure": {"hero@div.a": ""}}'}, "layout.json", "schema"),
        ({"layout": '{"structure": {"section": ""}}'}, "layout.json", "schema"),
        ({"layout": layout(props={"bg": "img"})}, "layout.json", "schema"),
        ({"layout": layout(props={"bi": "video"})}, "layout.json", "label"),
        ({"layout": '{"structure": {"section@nav": ""}}'}, "layout.json", "label"),
        ({"layout": layout(boxes=[[0, 0, 1, 1]])}, "layout.json", "box-count"),
        ({"layout": boxes(0, 0, 1)}, "layout.json", "json"),
        ({"layout": boxes(0, 0, 1, float("nan"))}, "layout.json", "json"),
        ({"layout": boxes(0, 0, 1, 10**400)}, "layout.json", "json"),
        ({"layout": LAYOUT.replace("0.5]]", "1e999]]")}, "layout.json", "json"),
        ({"layout": boxes(0, 0, 512, 16)}, "layout.json", "box-value"),
        ({"layout": boxes(0.5, 0.5, -0.1, 0.1)}, "layout.json", "box-value"),
        ({"layout": boxes(1.2, 0.5, 0.1, 0.1)}, "layout.json", "box-value"),
        ({"layout": boxes(-0.1, 0, 1, 1)}, "layout.json", "box-range"),
        ({"layout": boxes(0, 0, 1.01, 1)}, "layout.json", "box-range"),
        ({"layout": boxes(0.5, 0.5, 0.5, 0.6)}, "layout.json", "box-overhang"),
        ({"layout": '{"structure": {"section@div.a": {}}}'}, "layout.json", "leaf"),
        ({"meta": "[]"}, "meta.json", "json"),
        ({"meta": '{"site": "a\\u001b[2J"}'}, "meta.json", "name"),
        ({"meta": '{"viewport": "wide"}'}, "meta.json", "schema"),
        ({"meta": '{"confidence": 2}'}, "meta.json", "schema"),
        ({"meta": '{"width": 640}'}, "meta.json", "image-meta"),
    ],
)
def test_each_fault_has_its_code(
    tmp_path: Path, files: dict[str, str | bytes | None], file: str, code: str
) -> None:
    assert {(fault.file, fault.code) for fault in faults_of(tmp_path, **files)} == {(file, code)}


def test_a_fault_names_the_first_key_without_a_place(tmp_path: Path) -> None:
    text = '{"structure": {"section@div.a": {"paragraph@p": "", "heading@h1.x": ""}}}'
    (fault,) = faults_of(tmp_path, layout=text)
    assert str(fault) == "layout.json: structure: 'heading@h1.x' has no place in the DOM"


@pytest.mark.parametrize("box", [(0, 0, 1.0005, 1), (-0.0005, 0, 1, 1), (0.3333, 0, 0.6668, 1)])
def test_rounded_boxes_are_no_fault(tmp_path: Path, box: tuple[float, ...]) -> None:
    assert faults_of(tmp_path, layout=boxes(*box)) == []


def test_an_empty_object_in_props_or_text_is_no_leaf(tmp_path: Path) -> None:
    assert faults_of(tmp_path, layout='{"structure": {"section@div.a": ""}, "props" : {}}') == []


def test_a_mended_example_is_checked_again(tmp_path: Path) -> None:
    structure = '{"DIV.a": {"p": {}}}'
    text = '{"structure": {"section@DIV.a": {"heading@H1": ""}}}'
    faults = faults_of(tmp_path, structure=structure, layout=text)
    assert [fault.code for fault in faults] == ["tag-case", "tag-case", "tag-case", "label"]


def test_svg_tags_keep_their_capitals(tmp_path: Path) -> None:
    structure = '{"div.a": {"svg.Icon": {"linearGradient": {}}}}'
    text = '{"structure": {"section@div.a": {"icon@svg.Icon": ""}}}'
    assert faults_of(tmp_path, structure=structure, layout=text) == []


def test_schemas_are_valid_schemas() -> None:
    for schema in (STRUCTURE_SCHEMA, LAYOUT_SCHEMA, META_SCHEMA):
        Draft202012Validator.check_schema(schema)


def test_a_good_dataset_is_reported_and_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_example(tmp_path / "raw" / "train" / "a", meta='{"site": "s1"}')
    make_example(tmp_path / "raw" / "train" / "b", meta='{"site": "s1"}', screenshot=png(600, 40))
    make_example(tmp_path / "raw" / "test" / "a", meta='{"site": "s2"}')
    summary = validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=False)
    assert summary["examples"] == 3
    assert summary["status"] == {"ok": 3, "repaired": 0, "quarantined": 0}
    assert summary["split"] == {"train": 2, "val": 0, "test": 1, "flat": 0}
    assert (summary["sites"], summary["with_boxes"], summary["faults"]) == (2, 3, {})
    assert (summary["roles"]["paragraph"], summary["roles"]["qr"]) == (6, 0)
    assert summary["props"] == {"bi": 3, "bv": 0, "bo": 0}
    assert summary["height"] == {"min": 16, "median": 16, "max": 40}
    first, second, third = report(tmp_path / "out")
    assert (first["name"], first["split"], first["status"]) == ("a", "train", "ok")
    assert (first["group"], first["nodes"], first["width"], first["faults"]) == ("s1", 4, 512, [])
    assert first["digest"] == second["digest"] == third["digest"]
    assert "3 of 2 sites" in capsys.readouterr().out


def make_bad_dataset(raw: Path) -> None:
    make_example(raw / "train" / "good")
    make_example(raw / "train" / "capitals", structure=STRUCTURE.replace("div", "DIV"))
    make_example(raw / "val" / "range", layout=boxes(-0.25, 0, 1.5, 0.5))
    make_example(raw / "test" / "leaf", layout='{"structure": {"section@div.a": {}}}')
    make_example(raw / "test" / "tiny", screenshot=png(1, 1), layout="{")


def test_a_bad_dataset_stops_in_one_message(tmp_path: Path) -> None:
    make_bad_dataset(tmp_path / "raw")
    before = fingerprint(tmp_path)
    with pytest.raises(DltError) as raised:
        validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=False)
    head, *lines = str(raised.value).splitlines()
    assert "raw: 4 faults in 3 of 5 examples" in head
    assert [line.split(":")[0].strip() for line in lines] == [
        "train/capitals",
        "val/range",
        "test/tiny",
        "test/tiny",
    ]
    assert lines[1].endswith("boxes[1]: [-0.25, 0.0, 1.5, 0.5]: outside [0, 1]")
    assert fingerprint(tmp_path) == before, "no report and no remains"


def test_the_first_ten_faults_are_shown_or_all(tmp_path: Path) -> None:
    for i in range(12):
        make_example(tmp_path / "raw" / f"{i:02d}", layout=None)
    with pytest.raises(DltError) as raised:
        validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=False)
    assert len(str(raised.value).splitlines()) == 12
    assert "2 more" in str(raised.value).splitlines()[-1]
    with pytest.raises(DltError) as raised:
        validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=True)
    assert len(str(raised.value).splitlines()) == 13


def test_what_has_one_right_repair_is_mended(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    make_bad_dataset(raw)
    before = fingerprint(raw)
    summary = validate(raw, out, fix_errors=True, verbose=False)
    assert fingerprint(raw) == before, "raw is read only"
    assert summary["status"] == {"ok": 1, "repaired": 3, "quarantined": 1}
    assert {entry["name"]: entry["status"] for entry in report(out)} == {
        "good": "ok",
        "capitals": "repaired",
        "range": "repaired",
        "leaf": "repaired",
        "tiny": "quarantined",
    }
    (tiny,) = (entry for entry in report(out) if entry["name"] == "tiny")
    assert [fault["code"] for fault in tiny["faults"]] == ["image-size", "json"]

    capitals = read_example(out / "repaired" / "train" / "capitals")
    assert capitals.structure.nodes[0].selector == "div.a"
    clamped = read_example(out / "repaired" / "val" / "range").layout
    assert clamped and clamped.boxes and list(clamped.boxes[1]) == [0, 0, 1, 0.5]
    leaf = out / "repaired" / "test" / "leaf"
    assert '"section@div.a": ""' in (leaf / "layout.json").read_text()
    assert (leaf / "screenshot.png").read_bytes() == PNG
    for folder in sorted((out / "repaired").glob("*/*")):
        assert check_example(Place(folder.name, folder)).faults == [], "a repair leaves no fault"


def test_harmless_faults_stop_nothing(tmp_path: Path) -> None:
    make_example(tmp_path / "raw" / "leaf", layout='{"structure": {"section@div.a": {}}}')
    make_example(tmp_path / "raw" / "over", layout=boxes(0.5, 0.5, 0.5, 0.6))
    summary = validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=False)
    assert summary["status"]["ok"] == 2
    assert summary["faults"] == {"box-overhang": 1, "leaf": 1}


def test_one_good_example_must_be_left(tmp_path: Path) -> None:
    make_example(tmp_path / "raw" / "one", screenshot=png(1, 1))
    with pytest.raises(DltError, match="1 faults in 1 of 1 examples; none is left"):
        validate(tmp_path / "raw", tmp_path / "out", fix_errors=True, verbose=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", [(), ("raw",), ("raw/train", "raw/val", "raw/test")])
def test_an_empty_dataset_is_one_line(tmp_path: Path, given: tuple[str, ...]) -> None:
    for folder in given:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    with pytest.raises(DltError) as raised:
        validate(tmp_path / "raw", tmp_path / "out", fix_errors=True, verbose=True)
    assert str(raised.value) == f"{tmp_path / 'raw'}: no examples found"


def test_a_strange_name_is_quarantined_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_example(tmp_path / "raw" / "good")
    make_example(tmp_path / "raw" / "a\nb")
    validate(tmp_path / "raw", tmp_path / "out", fix_errors=True, verbose=False)
    assert "  a\\nb: unprintable letters" in capsys.readouterr().out
    assert [e["status"] for e in report(tmp_path / "out")] == ["quarantined", "ok"]


def test_flat_and_divided_do_not_mix(tmp_path: Path) -> None:
    make_example(tmp_path / "raw" / "train" / "one")
    make_example(tmp_path / "raw" / "other")
    with pytest.raises(DltError, match="raw/other: beside train, val and test"):
        validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=False)


def digests(tmp_path: Path, *examples: dict[str, str | bytes | None]) -> list[str]:
    for i, files in enumerate(examples):
        make_example(tmp_path / "raw" / str(i), **files)
    validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=False)
    return [entry["digest"] for entry in report(tmp_path / "out")]


def test_near_duplicates_have_the_same_digest(tmp_path: Path) -> None:
    first, classes, text, tree = digests(
        tmp_path,
        {},
        {
            "structure": STRUCTURE.replace("div.a", "div.b"),
            "layout": '{"structure": {"section@div.b": ""}}',
        },
        {"structure": STRUCTURE.replace("two", "three")},
        {"structure": STRUCTURE.replace('"img": {}', '"img": {}, "img": {}')},
    )
    assert first == classes
    assert len({first, text, tree}) == 3


def test_without_text_the_screenshot_counts(tmp_path: Path) -> None:
    bare: dict[str, str | bytes | None] = {
        "structure": '{"div.a": {}}',
        "layout": '{"structure": {"section@div.a": ""}}',
    }
    first, same, other = digests(tmp_path, bare, bare, {**bare, "screenshot": png(520, 20)})
    assert first == same != other


@pytest.mark.skipif(not SECTIONS.exists(), reason="the real sections are not there")
def test_all_real_sections_are_valid(tmp_path: Path) -> None:
    with ZipFile(SECTIONS) as archive:
        archive.extractall(tmp_path / "raw")
    summary = validate(tmp_path / "raw", tmp_path / "out", fix_errors=False, verbose=False)
    assert summary["status"] == {"ok": 490, "repaired": 0, "quarantined": 0}
    assert summary["split"] == {"train": 331, "val": 71, "test": 88, "flat": 0}
    assert summary["sites"] == 29
    assert summary["faults"] == {"box-overhang": 1}
    assert (summary["roles"]["column"], summary["props"]["bi"]) == (706, 105)
    for folder in sorted((tmp_path / "raw" / "val").iterdir()):
        example = read_example(folder)
        assert example.layout
        assert (
            contract(example.structure, labels(example.structure, example.layout)) == example.layout
        )
