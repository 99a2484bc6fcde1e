from .optimizer_paths import bowl, race, ranking, show_race, turned

__all__ = ["bowl", "race", "ranking", "show_race", "turned"]
