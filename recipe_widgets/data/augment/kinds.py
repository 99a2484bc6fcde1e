"""Kinds of tensors that the functions of this folder take, as annotations."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import torch

from recipe_widgets.core.validation import tensor, whole

Images: TypeAlias = Annotated[torch.Tensor, tensor("N", "C", "H", "W")]  # bytes or floats
FloatImages: TypeAlias = Annotated[torch.Tensor, tensor("N", "C", "H", "W", kind="float")]
Mask: TypeAlias = Annotated[torch.Tensor, tensor("N", "1", "H", "W", kind="bool")]
Targets: TypeAlias = Annotated[torch.Tensor, tensor("N", "K", kind="float")]  # probabilities
FloatPerImage: TypeAlias = Annotated[torch.Tensor, tensor("N", kind="float")]
WholePerImage: TypeAlias = Annotated[torch.Tensor, tensor("N", kind="int")]
BoolPerImage: TypeAlias = Annotated[torch.Tensor, tensor("N", kind="bool")]
Side: TypeAlias = Annotated[int, whole(1, 2**15)]  # pixels
