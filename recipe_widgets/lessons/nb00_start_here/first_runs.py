"""Pictures of what enters the net, and curves of losses. (Notebook 00.)"""

from recipe_widgets.lessons.common.images import show_batch as show_batch
from recipe_widgets.lessons.common.loss_curves import draw_losses as draw_losses
