"""benchmarks/RESULTS.md: one section a benchmark, each replaced when its benchmark runs again."""

from pathlib import Path

from dlt.files import new_file

RESULTS = Path("benchmarks/RESULTS.md")
_HEAD = "# Measured\n\nEach section is written by the command that it names.\n"


def write_section(title: str, text: str) -> None:
    """Put `text` under the heading `title`, in the place of what was there, else at the end."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else _HEAD
    head, *sections = old.split("\n## ")
    kept = [section for section in sections if section.splitlines()[0] != title]
    at = len(sections) if len(kept) == len(sections) else _position(sections, title)
    kept.insert(at, f"{title}\n\n{text.strip()}\n")
    with new_file(RESULTS) as aside:
        aside.write_text("\n## ".join([head, *kept]), encoding="utf-8")


def _position(sections: list[str], title: str) -> int:
    return [section.splitlines()[0] for section in sections].index(title)
