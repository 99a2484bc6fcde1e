"""Augmentation of batches of tensors: functions whose parameters are given, and `Augment`, which
draws them.

These are the doors for readers, who may hand in anything; inside the package the same functions are
called unchecked.
"""

from recipe_widgets.core.fitting import fitting
from recipe_widgets.core.validation import validated
from recipe_widgets.data.augment import colour, geometry, mix
from recipe_widgets.data.augment.policy import Augment

_together = fitting("one number per image, and all tensors on one device")

brightness = validated(_together(colour.brightness))
contrast = validated(_together(colour.contrast))
saturation = validated(_together(colour.saturation))
flip = validated(_together(geometry.flip))
rotate = validated(_together(geometry.rotate))
crop = validated(
    fitting(
        "one corner per image from 0 to twice the padding, smaller than a side where it mirrors")(
            geometry.crop))
box = validated(_together(geometry.box))
erase = validated(
    fitting("a rectangle per image, and a value that the images' type can hold")(geometry.erase))
mixup = validated(
    fitting("one row of targets, one partner (a row of x) and one share per image")(mix.mixup))
cutmix = validated(
    fitting("one row of targets, one partner (a row of x) and one rectangle per image")(mix.cutmix))
backgrounds = validated(fitting("a background as large as the images")(mix.backgrounds))

__all__ = [
    "Augment", "backgrounds", "box", "brightness", "contrast", "crop", "cutmix", "erase", "flip",
    "mixup", "rotate", "saturation"
]
