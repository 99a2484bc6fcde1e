from .first_runs import draw_losses, show_batch

__all__ = ["draw_losses", "show_batch"]
