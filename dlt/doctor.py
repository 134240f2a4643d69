"""`make doctor`: what this machine has, what is missing, and the command that mends it.

It runs where nothing is installed yet, so at import it needs the standard library alone.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAST_PYTHON = (3, 11)
LEAST_DISK = 2 << 30  # bytes, for the data, models and cache of the default run
LEAST_MEMORY = 4 << 30  # bytes, for training at phase 1 and the image workers
SHOWN = ("torch", "torchvision", "numpy", "pillow", "dvc", "dvclive", "playwright")
TIMEOUT = 60  # seconds for a command that is asked


@dataclass(frozen=True)
class Finding:
    """One line of the table; `mend` is set where something is missing, `needed` where it must be."""

    name: str
    found: str
    mend: str | None = None
    needed: bool = False


def main() -> int:
    """Print the table; 1 where something that is needed is missing."""
    findings = list(examine())
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{finding.name:<{width}}  {finding.found}")
    missing = [finding for finding in findings if finding.mend]
    for title, needed in (("Missing", True), ("Optional", False)):
        for finding in missing:
            if finding.needed == needed:
                print(f"\n{title}: {finding.name}: {finding.found}\n  {finding.mend}")
    if not missing:
        print("\nNothing is missing.")
    return int(any(finding.needed for finding in missing))


def examine() -> Iterator[Finding]:
    """Everything there is to say, in the order of the table."""
    yield python()
    yield from packages(ROOT / "requirements.txt")
    yield cuda()
    yield Finding("cores", str(os.cpu_count()))
    yield memory()
    yield disk(ROOT)
    yield browser()
    yield fonts()
    yield from repository(ROOT)


def python() -> Finding:
    """The interpreter that runs this."""
    new_enough = sys.version_info[:2] >= LEAST_PYTHON
    version = ".".join(map(str, sys.version_info[:3]))
    mend = None if new_enough else "install Python 3.11 or newer, then: make PYTHON=… repro"
    return Finding("python", f"{version} ({sys.executable})", mend, needed=True)


def packages(requirements: Path) -> Iterator[Finding]:
    """The versions of the packages that matter most, and whether all are the pinned ones."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    installed = {name: _version(name) for name in pins}
    for name in SHOWN:
        yield Finding(name, installed.get(name) or "not installed")
    # a build for a certain CUDA calls itself 2.0+cu130
    wrong = [name for name in pins if (installed[name] or "").split("+")[0] != pins[name]]
    found = f"{len(pins) - len(wrong)} of {len(pins)} as in {requirements.name}"
    if not wrong:
        yield Finding("packages", found)
        return
    found += f"; missing or of another version: {', '.join(wrong)}"
    mend = f"make repro, or: pip install -r {requirements.name}"
    yield Finding("packages", found, mend, needed=True)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cuda() -> Finding:
    """The GPUs that training would use."""
    try:
        import torch
    except ImportError:
        return Finding("cuda", "unknown without torch")
    if not torch.cuda.is_available():
        return Finding("cuda", "no GPU: training runs on the CPU")
    devices = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    names = ", ".join(f"{device.name} ({_gib(device.total_memory)})" for device in devices)
    return Finding("cuda", f"{torch.version.cuda}: {names}")


def memory() -> Finding:
    """The machine's memory."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    mend = None if size >= LEAST_MEMORY else "if a stage is killed: -S train.batch_size=8"
    return Finding("memory", _gib(size), mend)


def disk(folder: Path) -> Finding:
    """Free space where data, models and DVC's cache go."""
    free = shutil.disk_usage(folder).free
    mend = None if free >= LEAST_DISK else f"free {_gib(LEAST_DISK)}, for example with: dvc gc -w"
    return Finding("free disk", _gib(free), mend, needed=True)


def browser() -> Finding:
    """The Chromium that renders saved pages; every other source does without."""
    mend = "apt-get install chromium, or: .venv/bin/playwright install --with-deps chromium"
    try:
        from dlt.ingest.webpages.browser import find_browser
    except ImportError as error:
        return Finding("browser", f"unknown: {error}")
    path = find_browser(None)
    if path is None:
        return Finding("browser", "none: ingest.source=webpages and its tests need one", mend)
    version = _ask([path, "--version"])
    return Finding(
        "browser",
        f"{path} ({version})" if version else f"{path} does not start",
        None if version else mend,
    )


def fonts() -> Finding:
    """The system's fonts, that pages are rendered with; synthetic sections bring their own."""
    listed = _ask(["fc-list"]) or ""
    count = len(listed.splitlines())
    mend = None if count else "apt-get install fontconfig fonts-liberation"
    return Finding(
        "fonts", f"{count} of the system" if count else "none: pages lose their text", mend
    )


def repository(root: Path) -> Iterator[Finding]:
    """Git's and DVC's view of the checkout."""
    version = _ask(["git", "--version"])
    if version is None:
        yield Finding("git", "not installed", "apt-get install git", needed=True)
        return
    changed = _ask(["git", "status", "--porcelain"], root)
    if changed is None:
        yield Finding("git", f"{root} is no repository", "git init, or clone it", needed=True)
        return
    revision = _ask(["git", "rev-parse", "--short", "HEAD"], root) or "no commit yet"
    yield Finding("git", f"{revision}, {len(changed.splitlines())} changed files")
    if not (root / ".dvc").is_dir():
        yield Finding("dvc", "no DVC repository", "git checkout .dvc, or: dvc init", needed=True)
        return
    yield Finding(
        "pipeline", _pipeline(_ask([sys.executable, "-m", "dvc", "status", "--json"], root))
    )


def _pipeline(status: str | None) -> str:
    """The stages to run again, by `dvc status --json`; some run each time, which says nothing."""
    if status is None:
        return "unknown: dvc status fails"
    stages = [name for name, why in json.loads(status).items() if why != ["always changed"]]
    return f"out of date: {', '.join(stages)}; run dvc repro" if stages else "up to date"


def _ask(command: list[str], folder: Path | None = None) -> str | None:
    """What a command prints, or None where it is not there, fails or takes too long."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    try:
        answer = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            timeout=TIMEOUT,
            check=True,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


if __name__ == "__main__":
    sys.exit(main())
