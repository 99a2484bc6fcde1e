"""Layer 6: live sessions: a trainer thread, the newest settings, a painter."""

from recipe_widgets.live.session import Frame, Session, live_settings

__all__ = ["Frame", "Session", "live_settings"]
