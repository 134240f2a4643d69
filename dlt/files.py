"""Outputs that are whole or absent: written aside, then renamed."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes the place of `path`.

    On an exception it is removed and `path` stays as it was; after a kill the next call removes it.
    """
    aside = path.with_name(f".{path.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(path, ignore_errors=True)
    os.replace(aside, path)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success that file takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.partial")
    try:
        yield aside
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    os.replace(aside, path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with a final newline; NaN and infinity are refused."""
    with new_file(path) as aside:
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")
