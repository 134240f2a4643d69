"""A seeded generator of web sections: DOM tree, labels, boxes and a painted screenshot."""

from dlt.ingest.synthetic.dataset import generate, write_dataset

__all__ = ["generate", "write_dataset"]
