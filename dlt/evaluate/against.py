"""The model to compare with: a folder, or what DVC has of models/dlt at a git revision."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError
from dvc_data.index import DataIndexDirError
from fsspec.exceptions import FSTimeoutError

from dlt.errors import DltError
from dlt.paths import MODEL, main_checkout, outside
from dlt.train.model_file import MODEL_FILE


@contextmanager
def other_model(against: str) -> Iterator[Path]:
    """The folder of the model that `against` (`evaluate.against`) names, while it is needed.

    Raises:
        DltError: neither a folder with a model nor a git revision whose model DVC can get.
    """
    folder = Path(outside(against))
    if (folder / MODEL_FILE).is_file():
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        _checkout(against, Path(temporary))
        yield Path(temporary)


def _checkout(revision: str, folder: Path) -> None:
    """Write models/dlt of a revision into a folder, from DVC's cache or its remote."""
    try:
        files = DVCFileSystem(str(main_checkout()), rev=revision)
        files.get_file(f"{MODEL.as_posix()}/{MODEL_FILE}", str(folder / MODEL_FILE))
    except RevError:
        raise DltError(
            f"evaluate.against: {revision!r} is neither a folder with {MODEL_FILE} nor a git revision"
        ) from None
    except (DvcException, DataIndexDirError, FSTimeoutError, OSError) as error:
        raise DltError(
            f"evaluate.against: revision {revision!r} has a model that is not here; "
            f"`dvc pull` may get it ({error})"
        ) from None
