from .grading import bug_points as bug_points
from .grading import points as points
from .help_texts import hint as hint
from .help_texts import solution as solution
from .judge import check as check
from .progress_store import progress as progress
from .questions import answer as answer
from .recipe_file import keep as keep
from .recipe_file import kept as kept

__all__ = ["answer", "bug_points", "check", "hint", "keep", "kept", "points", "progress", "solution"]
