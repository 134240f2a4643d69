"""Saved web pages as examples: rendered offline, cut into sections, labelled by an annotator."""

from dlt.ingest.webpages.dataset import write_dataset

__all__ = ["write_dataset"]
