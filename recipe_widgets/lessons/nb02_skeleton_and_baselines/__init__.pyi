from .own_pictures import draw_losses, draw_predictions, draw_templates

__all__ = ["draw_losses", "draw_predictions", "draw_templates"]
