"""Many examples in few files: DVC looks at, links and removes each file in every experiment."""

import shutil
from pathlib import Path

from tqdm import tqdm

from dlt.data.shards import ShardWriter
from dlt.section.example import Place, find_names


def pack_folders(root: Path, above: int) -> None:
    """Replace the example folders of a dataset by shards, split by split, if more than `above`.

    Raises:
        SectionError: a file is too large for a shard, or a name no plain one.
    """
    found = find_names(root)
    total = sum(map(len, found.values()))
    if total <= above:
        return
    with tqdm(total=total, desc="packing", unit="", disable=None, leave=False) as bar:
        for split, names in found.items():
            with ShardWriter(root / split) as writer:
                for name in names:
                    writer.add(Place(name, root / split / name))
                    shutil.rmtree(root / split / name)
                    bar.update()
