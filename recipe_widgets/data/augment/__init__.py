"""Augmentation of batches of tensors: functions whose parameters are given, and `Augment`, which
draws them.

These are the doors for readers, who may hand in anything; inside the package the same functions are
called unchecked.
"""

from recipe_widgets.core.arguments import checked, each, fitting, one_of, tensor, whole
from recipe_widgets.data.augment import colour, geometry, mix
from recipe_widgets.data.augment.policy import Augment

_IMAGES, _EACH, _ROWS = tensor("N", "C", "H", "W"), tensor("N",
                                                           kind="float"), tensor("N", kind="int")
_FLOATS, _TARGETS = tensor("N", "C", "H", "W", kind="float"), tensor("N", "K", kind="float")
_together = fitting("one number per image, and all tensors on one device")
_pair = each(_ROWS)

brightness = checked(x=_IMAGES, factor=_EACH)(_together(colour.brightness))
contrast = checked(x=_IMAGES, factor=_EACH)(_together(colour.contrast))
saturation = checked(x=_IMAGES, factor=_EACH)(_together(colour.saturation))
flip = checked(x=_IMAGES, which=tensor("N", kind="bool"))(_together(geometry.flip))
rotate = checked(x=_IMAGES, degrees=_EACH)(_together(geometry.rotate))
crop = checked(x=_IMAGES, top=_ROWS, left=_ROWS, padding=whole(0, 4096), mode=one_of(
    "constant", "reflect"))(fitting(
        "one corner per image from 0 to twice the padding, smaller than a side where it mirrors")(
            geometry.crop))
box = checked(top=_ROWS, left=_ROWS, height=_ROWS, width=_ROWS,
              size=each(whole(1, 2**15)))(_together(geometry.box))
erase = checked(x=_IMAGES, where=tensor("N", "1", "H", "W", kind="bool"))(
    fitting("a rectangle per image, and a value that the images' type can hold")(geometry.erase))
mixup = checked(x=_FLOATS, targets=_TARGETS, partner=_ROWS, share=_EACH)(
    fitting("one row of targets, one partner (a row of x) and one share per image")(mix.mixup))
cutmix = checked(x=_IMAGES, targets=_TARGETS, partner=_ROWS, corner=_pair, side=_pair)(
    fitting("one row of targets, one partner (a row of x) and one rectangle per image")(mix.cutmix))
backgrounds = checked(x=_FLOATS, background=_FLOATS)(fitting("a background as large as the images")(
    mix.backgrounds))

__all__ = [
    "Augment", "backgrounds", "box", "brightness", "contrast", "crop", "cutmix", "erase", "flip",
    "mixup", "rotate", "saturation"
]
