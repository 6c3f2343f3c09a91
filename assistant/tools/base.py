"""What a tool is: a name, typed arguments, and a function from a turn and its arguments to plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from prompts.ontology import ontology

if TYPE_CHECKING:
    from assistant.answer import Answer, Finding
    from assistant.workspace import Workspace
    from encoders.segmenters.base import Progress

MeasureKind = Literal[
    "longest_diameter",
    "short_axis",
    "max_3d_diameter",
    "craniocaudal_extent",
    "volume",
    "mean_hu",
    "std_hu",
    "min_hu",
    "max_hu",
    "count",
    "distance",
    "max_axial_diameter",
]


def _known(structure: str) -> str:
    if structure not in ontology():
        raise ValueError(f"'{structure}' is no structure of the ontology")
    return structure


StructureId = Annotated[str, AfterValidator(_known)]


class ToolArgs(BaseModel):
    """Arguments of a tool; an argument that it does not have is an error."""

    model_config = ConfigDict(extra="forbid")


class Query(ToolArgs):
    """What to look for, and what to say about it."""

    targets: list[StructureId] = Field(min_length=1, description="ids of structures, such as kidney_left")
    measures: list[MeasureKind] = Field(
        default=[], description="what to measure; empty: the usual for each target"
    )
    within: StructureId | None = Field(default=None, description="only lesions in this organ or region")
    select: Literal["all", "largest", "smallest"] = Field(
        default="all", description="which of several lesions"
    )
    rank: int | None = Field(default=None, ge=1, description="with largest or smallest: 2 is the second one")
    top: int | None = Field(default=None, ge=1, description="with largest or smallest: how many, 3 for three")
    min_mm: float | None = Field(default=None, ge=0, description="only lesions at least this long, mm")
    max_mm: float | None = Field(default=None, ge=0, description="only lesions at most this long, mm")
    unit: Literal["mm", "cm", "ml", "cc", "l", "mm3"] | None = Field(
        default=None, description="unit of the text, when asked for"
    )


class Measuring(Query):
    """What to measure, and where along it."""

    level: list[StructureId] = Field(
        default=[], description="only what lies at the height of these, such as vertebrae_L3 for an aorta"
    )


@dataclass(eq=False)
class Turn:
    """What a tool may use and add to while one question is answered.

    findings: by (structure, number of the lesion or 0), of a part at a height by (label, number); shared by the calls
        of the turn.
    out: where exports go; None when the user gave no folder.
    history: the answers before this one.
    prior: the masks of the prior study; None when there is none.
    undone, redone: steps to take back or make again when the turn ends; redoable: how many can be made again.
    """

    workspace: Workspace
    progress: Progress | None = None
    out: Path | None = None
    history: tuple[Answer, ...] = ()
    findings: dict[tuple[str, int], Finding] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    undone: int = 0
    redone: int = 0
    redoable: int = 0
    prior: Workspace | None = None

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


@dataclass(frozen=True)
class Tool:
    """A verb of the assistant.

    run: gets the turn and validated arguments, returns JSON-ready data; `{"error": ...}` when it cannot.
    """

    name: str
    description: str
    args: type[ToolArgs]
    run: Callable[[Turn, Any], dict[str, Any]]

    def call(self, turn: Turn, args: Mapping[str, Any]) -> dict[str, Any]:
        """Validate and run. What goes wrong for a reason that the user can mend comes back as data."""
        from pydantic import ValidationError

        from encoders.errors import BodyMapsError

        try:
            return {"tool": self.name, **self.run(turn, self.args.model_validate(dict(args)))}
        except ValidationError as error:
            problems = [
                f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            ]
            return {"tool": self.name, "error": f"invalid arguments for {self.name}: {'; '.join(problems)}"}
        except BodyMapsError as error:
            return {"tool": self.name, "error": str(error)}
