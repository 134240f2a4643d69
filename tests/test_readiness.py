"""Readiness: verdicts, what is measured but null, and requirements that cannot be read."""

from pathlib import Path
from typing import Any

import pytest

from dlt.errors import DltError
from dlt.evaluate.metrics import METRIC_NAMES, Measure
from dlt.evaluate.report import assemble
from dlt.readiness import check_readiness, read_requirements, readiness_table

SHIPPED = Path(__file__).parents[1] / "production_requirements.yaml"
PERFORMANCE = {
    "seconds_per_sample": 0.12,
    "seconds_per_sample_p95": 0.2,
    "memory_gb": 1.5,
    "hardware": "2 cores",
}


def evaluation(**test: float | None) -> dict[str, Any]:
    good = {name: Measure(0.9, 10) for name in METRIC_NAMES}
    changed = {
        name: Measure(value, 10) if value is not None else Measure(None, 0, reason="no boxes")
        for name, value in test.items()
    }
    return assemble(good | changed, good, {"tag_label": good})


def test_ready_when_all_hold() -> None:
    readiness = check_readiness(evaluation(), PERFORMANCE, SHIPPED)
    assert readiness["ready"] is True
    assert [check["name"] for check in readiness["checks"]] == [
        "layout_accuracy",
        "element_precision",
        "visual_similarity",
        "seconds_per_sample",
        "memory_gb",
    ]
    assert readiness["checks"][0] == {
        "name": "layout_accuracy",
        "comparison": ">",
        "required": 0.85,
        "measured": 0.9,
        "passed": True,
        "reason": None,
    }
    assert readiness_table(readiness).endswith("Meets production thresholds: yes")


@pytest.mark.parametrize("value", [0.85, 0.2])
def test_a_threshold_must_be_passed_and_not_only_met(value: float) -> None:
    readiness = check_readiness(evaluation(layout_accuracy=value), PERFORMANCE, SHIPPED)
    assert readiness["ready"] is False
    assert [c["name"] for c in readiness["checks"] if not c["passed"]] == ["layout_accuracy"]


def test_what_is_slow_or_large_is_not_ready() -> None:
    slow = PERFORMANCE | {"seconds_per_sample": 0.5, "memory_gb": 8.1}
    table = readiness_table(check_readiness(evaluation(), slow, SHIPPED))
    assert table.endswith("no, misses: seconds_per_sample, memory_gb")


def test_null_does_not_pass_and_says_why() -> None:
    performance = {"seconds_per_sample": float("nan"), "memory_gb": True}
    readiness = check_readiness(evaluation(visual_similarity=None), performance, SHIPPED)
    reasons = {c["name"]: c["reason"] for c in readiness["checks"] if not c["passed"]}
    assert reasons == {
        "visual_similarity": "no boxes",
        "seconds_per_sample": "not measured",
        "memory_gb": "not measured",
    }
    assert all(c["measured"] is None for c in readiness["checks"] if not c["passed"])
    assert "visual_similarity: no boxes" in readiness_table(readiness)


def test_numbers_that_yaml_reads_as_text_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "requirements.yaml"
    path.write_text("above: {layout_accuracy: 1e-06}\n")
    assert read_requirements(path)[0].bound == 1e-6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("above: {accuracy: 0.8}", "above.accuracy: unknown metric"),
        (
            "above: {layout_accuracy: high}",
            "above.layout_accuracy: a number expected, found 'high'",
        ),
        ("above: {layout_accuracy: true}", "above.layout_accuracy: a number expected"),
        ("above: {layout_accuracy: .nan}", "above.layout_accuracy: a number expected"),
        ("above: {layout_accuracy: [1]}", "above.layout_accuracy: a number expected"),
        ("over: {layout_accuracy: 1}", "over: unknown, one of above, below expected"),
        ("above: 0.8", "above: names and values expected"),
        ("- above", "names and values expected"),
        ("above: {}", "no requirements"),
        ("", "names and values expected"),
        ("above: {layout_accuracy: 0.8", "line 1: not YAML: expected"),
        ("above: \x00", "not YAML"),
        ("[" * 1000, "not YAML"),
    ],
)
def test_faults_name_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "requirements.yaml"
    path.write_text(text)
    with pytest.raises(DltError) as caught:
        read_requirements(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DltError, match=r"absent\.yaml: No such file"):
        read_requirements(tmp_path / "absent.yaml")
