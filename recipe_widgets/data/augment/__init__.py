"""Augmentation of batches of tensors: functions whose parameters are given, and `Augment`, which
draws them.

These are the doors for readers, who may hand in anything; inside the package the same functions are
called unchecked.
"""

from recipe_widgets.core.validation import validated
from recipe_widgets.data.augment import colour, geometry, mix
from recipe_widgets.data.augment.policy import Augment

brightness = validated(colour.brightness)
contrast = validated(colour.contrast)
saturation = validated(colour.saturation)
flip = validated(geometry.flip)
rotate = validated(geometry.rotate)
crop = validated(geometry.crop)
box = validated(geometry.box)
erase = validated(geometry.erase)
mixup = validated(mix.mixup)
cutmix = validated(mix.cutmix)
backgrounds = validated(mix.backgrounds)

__all__ = [
    "Augment", "backgrounds", "box", "brightness", "contrast", "crop", "cutmix", "erase", "flip",
    "mixup", "rotate", "saturation"
]
