"""The screenshot of an example as a picture."""

import io

from PIL import Image, UnidentifiedImageError

from dlt.errors import first_line
from dlt.section.errors import SectionError


def decode_screenshot(name: str, png: bytes) -> Image.Image:
    """The RGB picture in the bytes of a screenshot.png.

    No other format is tried: for some of them Pillow would start another program.

    Raises:
        SectionError: it is no PNG file, or does not decode; the message names the example.
    """
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            return picture.convert("RGB")
    except UnidentifiedImageError:
        raise SectionError(f"{name}: screenshot.png: not a PNG file") from None
    except Exception as error:  # noqa: BLE001 - a decoder fails in more ways than it documents
        raise SectionError(f"{name}: screenshot.png: {first_line(error)}") from None
