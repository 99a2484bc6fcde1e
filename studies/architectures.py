"""CIFAR-10, shrunk: four architectures of about equally many weights, each at its own learning rate."""

from __future__ import annotations

from recipe_widgets import Data, Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion
from recipe_widgets.lessons.common.changed_data import resized

from .samples import cifar10

LENET, NORMED = "LeNet-like", "LeNet-like, BatchNorm"


def small_cifar10() -> Data:
    """Photographs of 16x16 pixels: 6,000 to train on; 1,000 choose, 3,000 judge."""
    return resized(cifar10(), 16)


EXPERIMENT = Experiment(
    name="architectures",
    title="CIFAR-10 at 16x16 pixels, 17,900 to 19,600 weights",
    asks="Is a newer architecture better than LeNet's, at equal size and at its own learning rate?",
    refuted_by="a LeNet-like net as good as ResNet, or as good as one with BatchNorm",
    equal="600 steps of 32 images under a cosine, about equally many weights",
    page="05",
    data=small_cifar10,
    base=Settings(optimizer="adam", batch_size=32, max_steps=600, schedule="cosine", norm="batch",
                  eval_every=600),
    arms=[
        Arm(LENET, {"model": "convnet", "width": 63, "norm": "none"}),
        Arm(NORMED, {"model": "convnet", "width": 63}),
        Arm("Inception", {"model": "inception", "width": 88, "depth": 1}),
        Arm("ResNet", {"model": "resnet", "width": 32, "depth": 1}),
    ],
    questions=[
        PairedQuestion("BatchNorm helps the LeNet-like net", NORMED, LENET),
        PairedQuestion("ResNet is better than the LeNet-like net", "ResNet", LENET),
        PairedQuestion("ResNet is better than the LeNet-like net with BatchNorm", "ResNet", NORMED),
        PairedQuestion("Inception is better than the LeNet-like net with BatchNorm",
                       "Inception", NORMED),
    ],
    grid={"lr": (0.001, 0.003, 0.01)},
    matters=0.01,
)
