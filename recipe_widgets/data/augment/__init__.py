"""Augmentation of batches of tensors: functions whose parameters are given, and `Augment`, which draws them."""

from recipe_widgets.data.augment.colour import brightness, contrast, saturation
from recipe_widgets.data.augment.geometry import box, crop, erase, flip, rotate
from recipe_widgets.data.augment.mix import backgrounds, cutmix, mixup
from recipe_widgets.data.augment.policy import Augment

__all__ = ["Augment", "backgrounds", "box", "brightness", "contrast", "crop", "cutmix", "erase", "flip", "mixup",
           "rotate", "saturation"]
