"""The gallery of augmentations, worked from code."""

import pytest

from recipe_widgets import Data, RecipeError
from recipe_widgets.panels import AugmentationGallery


def test_gallery_redraws_for_every_control(blobs: Data) -> None:
    shown = AugmentationGallery(blobs, ways=("flip",), count=3)
    pictures = [shown._view.image.value]
    for change in (lambda: setattr(shown.menu, "value", ("crop", "erase")),
                   lambda: setattr(shown.strength, "value", 3.0),
                   lambda: setattr(shown.draw, "value", 5)):
        change()
        assert shown._view.image.value not in pictures
        pictures.append(shown._view.image.value)
    assert shown.augment == "crop+erase"
    assert "crop+erase, strength 3" in shown._view.line.value
    assert "crop+erase" in shown.plot().alt
    assert repr(shown) == "AugmentationGallery(blobs: crop+erase, strength 3)"
    shown.menu.value = ()
    assert shown.augment == "none"
    with pytest.raises(RecipeError, match="some of"):
        AugmentationGallery(blobs, ways=("turn",))
