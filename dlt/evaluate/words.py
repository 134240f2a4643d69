"""What the report says in plain words about metrics, error classes and changed inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from dlt.evaluate.error_analysis import in_words
from dlt.evaluate.errors import BOX_IOU

METRIC_WORDS = {
    "layout_accuracy": "How much of a section's layout tree is right. 1: nothing is left to mend.",
    "element_precision": "Of the elements predicted, the share that is right in role and extent.",
    "element_recall": "Of the true elements, the share that is found with role and extent.",
    "element_f1": "Precision and recall in one number (harmonic mean).",
    "node_accuracy": "Share of HTML nodes with the right label.",
    "prop_f1": "Background images, videos and overlays: precision and recall in one number.",
    "visual_similarity": "How alike both layouts look when painted as coloured boxes.",
    "box_iou": "How well boxes cover the true ones, over rightly predicted elements.",
    "aesthetic_score": "Alignment and overlap of sibling boxes, out of 100.",
    "aesthetic_score_truth": "The same of the true layouts: what to aim at.",
    "seconds_per_sample": "Seconds a section takes, one at a time, decoding included (median).",
    "seconds_per_sample_p95": "What 95 % of the sections stay below.",
    "memory_gb": "Peak of the process, or of the GPU where there is one.",
}
ERROR_WORDS = {
    "wrong role": "the right nodes, taken for another kind of element",
    "wrong merge": "joined with nodes of another element, or with too many or too few of its own",
    "split element": "one element predicted as several",
    "missing": "not predicted at all",
    "invented": "predicted where the truth has nothing",
    "wrong nesting": "right in itself, but inside another parent",
    "wrong prop": "background image, video or overlay on the wrong node",
    "wrong box": f"right in itself, but overlapping its true box by less than {100 * BOX_IOU:.0f} % (IoU)",
}
PERTURBATION_WORDS = {
    "jpeg_noise": "screenshot as a poor JPEG",
    "rescaled": "screenshot shrunk to a third and enlarged again",
    "cropped_bottom": "lower 30 % of the screenshot cut off",
    "blank_screenshot": "white screenshot",
    "shuffled_classes": "class names exchanged among each other",
    "missing_texts": "no texts in the structure",
    "other_language": "every word replaced by a Greek one",
    "right_to_left": "mirrored screenshot, every word replaced by a Hebrew one",
    "no_screenshot": "the picture is white",
    "no_texts": "the structure has no texts",
    "no_classes": "the structure has no class names",
}

PREDICTOR_WORDS = {
    "unshared": "the same weights, whatever they say of nodes that look alike",
    "independent": "the same weights, one step, each node by itself",
    "structure": "the model's own proposal by the structure alone: no pixels, no diffusion, no boxes",
    "tag_label": "each tag's most frequent label",
    "nearest": "the labels of the most similar training section",
    "extra_trees": "extremely randomised, on hand-made node features, no pixels",
    "boosted_trees": "gradient boosting on the same features",
}

_TITLES = {
    "element_f1": "Element F1",
    "prop_f1": "Prop F1",
    "structure": "Structure only",
    "box_iou": "Box IoU",
    "aesthetic_score_truth": "Aesthetic score of the truth",
    "seconds_per_sample_p95": "Seconds per sample, slowest 5 %",
    "memory_gb": "Memory, GB",
    "jpeg_noise": "JPEG noise",
}


def title(name: str) -> str:
    """A metric's, group's or predictor's name as a person writes it."""
    return _TITLES.get(name, name.replace("_", " ").capitalize())


def summary(
    evaluation: Mapping[str, Any],
    readiness: Mapping[str, Any],
    analysis: Mapping[str, Any],
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[str]:
    """A few sentences for who reads nothing else."""
    accuracy = next(
        row
        for row in evaluation["rows"]
        if row["column"] == "test" and row["metric"] == "layout_accuracy"
    )
    said = [_accuracy_sentence(accuracy, len(tables["site"])), _verdict_sentence(readiness)]
    if analysis["errors"]:
        said.append(_error_sentence(analysis))
    if len(tables["site"]) > 1:
        worst, best = tables["site"][0], tables["site"][-1]
        said.append(
            f"Sites differ: from {worst['layout_accuracy']:.2f} ({worst['name']}) "
            f"to {best['layout_accuracy']:.2f} ({best['name']})."
        )
    said += _baseline_sentences(evaluation)
    return said


def _accuracy_sentence(row: Mapping[str, Any], sites: int) -> str:
    interval = ""
    if row["low"] is not None:
        interval = f" (95 % interval {row['low']:.2f} to {row['high']:.2f})"
    return (
        f"On {row['count']:,} sections of {sites:,} {'sites' if sites > 1 else 'site'}, the "
        f"predicted layout is {100 * row['value']:.0f} % right on average{interval}."
    )


def _verdict_sentence(readiness: Mapping[str, Any]) -> str:
    checks = readiness["checks"]
    missed = [title(check["name"]).lower() for check in checks if not check["passed"]]
    if not missed:
        return f"It meets all {len(checks)} production requirements."
    return f"It misses {len(missed)} of {len(checks)} production requirements: {', '.join(missed)}."


def _error_sentence(analysis: Mapping[str, Any]) -> str:
    kind, count = max(analysis["by_class"].items(), key=lambda item: item[1])
    dearest = analysis["confusions"][0]
    words = in_words(dearest["kind"], dearest["true"], dearest["predicted"])
    return (
        f"Of {analysis['errors']:,} errors most are of the class “{kind}” ({count:,}); "
        f"the most costly confusion is “{words}” ({dearest['count']:,} times)."
    )


def _baseline_sentences(evaluation: Mapping[str, Any]) -> list[str]:
    """How the model stands against the best of the others."""
    others = {
        row["name"]: row["layout_accuracy"]
        for row in evaluation["baselines"]
        if row["layout_accuracy"] is not None
    }
    if not others:
        return []
    best = max(others, key=lambda name: others[name])
    ours = evaluation["layout_accuracy"]
    beside = f"“{title(best).lower()}”, reaches {others[best]:.2f} in layout accuracy"
    return [f"The best of what it is compared with, {beside}; the model {ours:.2f}."]
