"""Screenshots: PNG files and nothing else."""

import io

import pytest
from PIL import Image

from dlt.section.errors import SectionError
from dlt.section.screenshot import decode_screenshot
from tests.test_validate import PNG


def saved_as(kind: str) -> bytes:
    """A small picture in another format."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["EPS", "GIF", "JPEG", "TIFF", "WEBP"])
def test_other_formats_are_not_opened(kind: str) -> None:
    with pytest.raises(SectionError, match="^a: screenshot.png: not a PNG file$"):
        decode_screenshot("a", saved_as(kind))


@pytest.mark.parametrize("content", [b"", PNG[:40], PNG[:-200], PNG.replace(b"IDAT", b"IDAU")])
def test_a_damaged_one_is_named(content: bytes) -> None:
    with pytest.raises(SectionError, match="^a: screenshot.png: .+$"):
        decode_screenshot("a", content)


def test_a_whole_one_is_rgb() -> None:
    assert decode_screenshot("a", PNG).mode == "RGB"
