"""The published models behind the segmenter protocol: `universal:PATH[?classes=ORDER]`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Mask, Progress, Quality
from encoders.volume import Volume

if TYPE_CHECKING:
    from torch import Tensor

    from encoders.published.inference import Prepared

UNMEASURED = "a published model; its quality was not measured here"


class UniversalSegmenter:
    """A CLIP-Driven Universal Model checkpoint, or one of its relatives, run as published.

    Only the classes asked for, and those that their post-processing reads, are decoded.

    Args:
        path: the checkpoint.
        classes: the name of its class order or a file with one class name a line; None for the usual one.
        overlap: of neighbouring windows, as a share of their side.
        window: their sides in voxels of 1.5 mm.
        half: let the backbone compute in bfloat16 where it can; None where the processor has it.
        merging: of a Swin UNETR's patches, "published", or "monai" for one trained with MONAI 1.5 or later.
    """

    def __init__(
        self,
        path: Path,
        classes: str | None = None,
        overlap: float = 0.5,
        half: bool | None = None,
        window: tuple[int, int, int] = (96, 96, 96),
        merging: str | None = None,
    ) -> None:
        self.name = path.stem
        self.path, self.window = path, window
        self._wanted, self._overlap, self._half = classes, overlap, half
        self._backbone_args: dict[str, Any] = {"merging": merging} if merging else {}

    @cached_property
    def model(self):
        """The network on the chosen device, loaded at first use."""
        import torch

        from encoders.device import device
        from encoders.published.checkpoints import load

        model, _ = load(self.path, **self._backbone_args)
        model = model.to(device()).to(memory_format=torch.channels_last_3d)
        if hasattr(model.backbone, "fuse"):
            model.backbone.fuse()
        return model

    @cached_property
    def structures(self) -> tuple[str, ...]:
        """The ids of the checkpoint's classes, first channel first."""
        from encoders.published.checkpoints import saved_order
        from encoders.published.classes import class_order

        wanted = self._wanted or saved_order(self.path)
        return class_order(self.model.layout.classes, wanted)

    def supported(self) -> frozenset[str]:
        return frozenset(self.structures)

    def quality(self, structure: str) -> Quality:
        known = structure in self.supported()
        return Quality("experimental", note=UNMEASURED) if known else Quality("unsupported")

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        """Masks of supported structures on the volume's own grid.

        Raises BodyMapsError for a structure outside `supported()`.
        """
        unknown = [s for s in structures if s not in self.supported()]
        if unknown:
            raise BodyMapsError(f"the model '{self.name}' cannot segment {', '.join(unknown)}")
        if not structures:
            return {}
        return self.masks(structures, *self.logits(volume, structures, progress))

    def logits(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> tuple[Prepared, dict[str, Tensor]]:
        """The CT as the model reads it, and logits (X, Y, Z) on it: of these structures and of those that their
        post-processing reads.
        """
        import torch

        from encoders.device import compute_type
        from encoders.published.inference import logits_of, prepare
        from encoders.published.postprocess import needs

        prepared = prepare(volume)
        wanted = [s for s in needs(structures) if s in self.supported()]
        rows = [self.structures.index(s) for s in wanted]
        half = compute_type() is torch.bfloat16 if self._half is None else self._half
        found = logits_of(
            self.model, prepared.image, rows, self.window, self._overlap, half=half, progress=progress
        )
        return prepared, dict(zip(wanted, found, strict=True))

    def masks(
        self, structures: Sequence[str], prepared: Prepared, logits: dict[str, Tensor]
    ) -> dict[str, Mask]:
        """Post-processed masks on the study's own grid."""
        from encoders.postprocess import confidence_of
        from encoders.published.inference import to_study
        from encoders.published.postprocess import cleaned

        positive = {s: (values > 0).numpy() for s, values in logits.items()}
        kept = cleaned(positive, middle=(prepared.image.shape[0] - 1) / 2)
        found: dict[str, Mask] = {}
        for structure in structures:
            probability, keep = logits[structure].sigmoid().numpy(), kept[structure]
            sure = confidence_of(probability, keep) if keep.any() else 1.0 - float(probability.max())
            found[structure] = to_study(structure, keep, prepared, min(max(sure, 0.0), 1.0))
        return found
