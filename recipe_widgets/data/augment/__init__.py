"""Augmentation of batches of tensors: functions whose parameters are given, and `Augment`, which
draws them.

These are the doors for readers, who may hand in anything; inside the package the same functions are
called unchecked.
"""

from recipe_widgets.core.validation import validated
from recipe_widgets.data.augment import transforms
from recipe_widgets.data.augment.policy import Augment

brightness = validated(transforms.brightness)
contrast = validated(transforms.contrast)
saturation = validated(transforms.saturation)
flip = validated(transforms.flip)
rotate = validated(transforms.rotate)
crop = validated(transforms.crop)
box = validated(transforms.box)
erase = validated(transforms.erase)
mixup = validated(transforms.mixup)
cutmix = validated(transforms.cutmix)
backgrounds = validated(transforms.backgrounds)

__all__ = [
    "Augment", "backgrounds", "box", "brightness", "contrast", "crop", "cutmix", "erase", "flip",
    "mixup", "rotate", "saturation"
]
