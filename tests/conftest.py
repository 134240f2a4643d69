"""Fixtures that several test files share."""

from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, settings

from tests.pipeline import Checkout

# How long an example takes depends on what else the machine does, and is no fault.
settings.register_profile("dlt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dlt")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `../shared` beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def real_sections(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 490 real sections, unpacked: a dataset folder with train/, val/ and test/."""
    archive = shared / "sections" / "sections.zip"
    if not archive.is_file():
        pytest.skip("../shared/sections/sections.zip is not here")
    folder = tmp_path_factory.mktemp("real_sections")
    with ZipFile(archive) as members:
        members.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which nothing has run; not to be changed."""
    return Checkout.new(tmp_path_factory.mktemp("fresh") / "repo")


@pytest.fixture(scope="session")
def finished(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which `dvc repro` has run, committed; not to be changed."""
    checkout = fresh.copy(tmp_path_factory.mktemp("finished") / "repo")
    checkout.dvc("repro")
    checkout.commit()
    return checkout


@pytest.fixture
def unrun(fresh: Checkout, tmp_path: Path) -> Checkout:
    """A checkout of one's own in which nothing has run."""
    return fresh.copy(tmp_path / "repo")


@pytest.fixture
def done(finished: Checkout, tmp_path: Path) -> Checkout:
    """A checkout of one's own in which `dvc repro` has run."""
    return finished.copy(tmp_path / "repo")
