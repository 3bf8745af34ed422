"""Other presets made of `small`: what changes with the scale is said once for all claims of a setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

AnyConfig = TypeVar("AnyConfig")


@dataclass(frozen=True)
class Scale:
    """Called with the small config of a claim, a scale gives that of another preset."""

    values: Mapping[str, Any]
    """The fields that are others than at small."""

    def __call__(self, small: AnyConfig, **changes: Any) -> AnyConfig:
        """A config of this scale, with `changes` of the claim's own beside its values or in their place."""
        return replace(small, **{**self.values, **changes})
