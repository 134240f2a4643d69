"""Sources of examples: synthetic sections, prepared archives, saved web pages."""

from pathlib import Path

from dlt.files import new_folder
from dlt.ingest import archive
from dlt.ingest.packing import pack_folders
from dlt.params import Ingest
from dlt.paths import outside

SYNTHETIC_COUNT = 2_000  # where ingest.num_samples leaves it open


def ingest(root: Path, params: Ingest, seed: int) -> None:
    """Write the examples of the chosen source into `root`, whole or not at all.

    They are folders, or tar shards (`dlt.data.shards`) where there are more than `shard_above`.

    Raises:
        DltError: the source cannot be read, or holds no example.
    """
    with new_folder(root) as folder:
        match params.source:
            case "synthetic":
                from dlt.ingest import synthetic

                synthetic.write_dataset(folder, params.num_samples or SYNTHETIC_COUNT, seed)
            case "archive":
                archive.write_dataset(
                    folder,
                    outside(params.archive.path or ""),
                    sha256=params.archive.sha256,
                    limit=params.num_samples,
                )
            case "webpages":
                from dlt.ingest import webpages

                pages = params.webpages
                webpages.write_dataset(
                    folder,
                    Path(outside(pages.path or "")),
                    annotator=pages.annotator,
                    viewport=pages.viewport,
                    hide_builder_classes=pages.hide_builder_classes,
                    browser=pages.browser,
                    limit=params.num_samples,
                )
        pack_folders(folder, params.shard_above)


def source_fingerprint(params: Ingest) -> str:
    """What the source outside the repository looks like, in under a second; "" for synthetic."""
    if params.source == "synthetic":
        return ""
    return archive.fingerprint(outside(getattr(params, params.source).path))
