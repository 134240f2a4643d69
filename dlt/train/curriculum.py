"""Curriculum: in the first epochs only sections that are simple enough (Bengio et al. 2009)."""

from collections.abc import Sequence
from itertools import accumulate

from tqdm import tqdm

from dlt.data.labelled import Labelled
from dlt.errors import DltError
from dlt.params import Curriculum, CurriculumStage, TrainParams
from dlt.section.roles import DROP, MERGE
from dlt.section.tree import depths

EVERYTHING = CurriculumStage(share=1.0)
ROUNDING = 1e-9


def stage_number(done: float, curriculum: Curriculum) -> int:
    """The stage, from 0, at `done` of the training, from 0 to 1; 0 without a curriculum."""
    if not curriculum.enabled:
        return 0
    ends = list(accumulate(stage.share for stage in curriculum.stages))
    return sum(done + ROUNDING >= end for end in ends[:-1])


def stage_at(done: float, curriculum: Curriculum) -> CurriculumStage:
    """The stage itself; without a curriculum one that admits everything."""
    return curriculum.stages[stage_number(done, curriculum)] if curriculum.enabled else EVERYTHING


def difficulty(section: Labelled, metric: str) -> int:
    """How hard a section is: its elements, its DOM nodes, or the depth of its DOM tree."""
    if metric == "element_count":
        return sum(role not in (MERGE, DROP) for role in section.truth.roles)
    if metric == "node_count":
        return len(section.structure)
    return max(depths(section.structure.parents)) + 1


def difficulties(sections: Sequence[Labelled], curriculum: Curriculum) -> Sequence[int]:
    """That of each section, to be found once: many sections are read for it. 0 without a curriculum."""
    if not curriculum.enabled:
        return [0] * len(sections)
    bar = tqdm(sections, "difficulty", disable=None, leave=False)
    return [difficulty(section, curriculum.metric) for section in bar]


def admitted(found: Sequence[int], done: float, curriculum: Curriculum) -> Sequence[int]:
    """The numbers of the sections that the stage at `done` of the training admits.

    Args:
        found: the difficulty of each section.

    Raises:
        DltError: there is none.
    """
    bound = stage_at(done, curriculum).at_most
    if bound is None:
        return range(len(found))
    chosen = [i for i, own in enumerate(found) if own <= bound]
    if not chosen:
        number = stage_number(done, curriculum) + 1
        raise DltError(
            f"train.curriculum.stages: no section of train has {curriculum.metric} of at most "
            f"{bound}, as stage {number} of {len(curriculum.stages)} wants"
        )
    return chosen


def mean_count(found: Sequence[int], curriculum: Curriculum) -> int:
    """How many sections, of known difficulty, an epoch has on average.

    Raises:
        DltError: a stage has none.
    """
    if not curriculum.enabled:
        return len(found)
    starts = [0.0, *accumulate(stage.share for stage in curriculum.stages)][:-1]
    counts = [len(admitted(found, start, curriculum)) for start in starts]
    return round(sum(n * s.share for n, s in zip(counts, curriculum.stages, strict=True)))


def beginning(epoch: int, count: int, params: TrainParams) -> str | None:
    """A line where a stage begins with this epoch, which has `count` examples."""
    curriculum = params.curriculum
    number = stage_number(epoch / params.epochs, curriculum)
    before = stage_number((epoch - 1) / params.epochs, curriculum) if epoch else None
    if not curriculum.enabled or number == before:
        return None
    bound = curriculum.stages[number].at_most
    limit = "all" if bound is None else f"{curriculum.metric} of at most {bound}"
    return (
        f"curriculum: stage {number + 1} of {len(curriculum.stages)} begins in epoch {epoch + 1}: "
        f"{count:,} examples, {limit}"
    )


def stage_metric(epoch: int, params: TrainParams) -> dict[str, float]:
    """The stage of an epoch, from 1, as a metric; none without a curriculum."""
    if not params.curriculum.enabled:
        return {}
    return {"curriculum_stage": 1 + stage_number(epoch / params.epochs, params.curriculum)}
