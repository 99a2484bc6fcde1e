"""Builds the static site: python -m docs.site.build [--out site] [--recordings FOLDER]"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from docs.site.api import write_reference
from docs.site.check import must_be_whole
from docs.site.links import REPOSITORY
from docs.site.page import Page, rendered
from docs.site.plans import PLANS, Plan
from docs.site.play_page import build_page, missing_tools
from docs.site.recording import recorded
from docs.site.replays import replay_page
from docs.site.rules import rules_page
from docs.site.texts import chained, notebook_page, text_pages
from recipe_widgets import RecipeError, load
from recipe_widgets.plots import RecipeMap

TEXTS = ("notebooks/README.md", "notebooks/CHECKLIST.md", "notebooks/GLOSSARY.md",
         "notebooks/TEACHING.md", "README.md", "docs/guide.md", "CHANGELOG.md")
MARK = ".recipe-site"  # in a folder that this script may empty


def lessons() -> list[str]:
    """The notebooks, in the order of the recipe."""
    return [
        f"notebooks/{file.name}" for file in sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))
    ]


def index_page(pages: Sequence[Page], texts: Sequence[Page], plans: Sequence[Plan],
               trains: bool) -> Page:
    """The first page: the map of the recipe, and the way to all else."""
    stages = RecipeMap(REPOSITORY / "notebooks", with_progress=False)._repr_html_()
    for page in pages:
        stages = stages.replace(f'href="{Path(page.path).stem}.ipynb"', f'href="{page.path}"')
    body = rendered("index.html", map=stages, plans=plans, lessons=pages, texts=texts,
                    trains=trains)
    return Page("index.html", "Learn the craft of training", body)


def build(site: Path, recordings: Path, plans: Sequence[Plan] = PLANS,
          modules: Sequence[str] | None = None) -> None:
    """Write the whole site, in place of the one that was there. modules: those of the reference, by
    default all.

    Raises:
        RecipeError: the folder holds something else, a page would load from a network, or a link
            leads nowhere.
    """
    emptied(site)
    torch.set_num_threads(1)  # the numbers of ConvNets depend on it, and a neighbour keeps a core
    pages = chained([notebook_page(source, [plan.name for plan in plans]) for source in lessons()])
    texts = text_pages(TEXTS)
    replays = [replay_page(plan, recorded(plan, load(plan.name), recordings)) for plan in plans]
    trains = not (found := missing_tools())
    if not trains:
        print(f"The page that trains is left out: {found}", file=sys.stderr)
    play = [build_page(site, recordings.parent / "play")] if trains else []
    index = index_page(pages, texts[:len(TEXTS)], plans, trains)
    for page in [*pages, *texts, *replays, *play, rules_page(), index]:
        page.trains = trains
        page.write(site)
    write_reference(site / "api", modules)
    must_be_whole(site)


def emptied(site: Path) -> None:
    """Make `site` an empty folder. Raises RecipeError: it holds something that this script did
    not write.
    """
    if site.exists():
        if not (site / MARK).exists() and any(site.iterdir()):
            raise RecipeError("Folder of the site", found=f"{site} with other files",
                              expected="an empty or a new folder")
        shutil.rmtree(site)
    site.mkdir(parents=True)
    (site / MARK).touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "site")
    parser.add_argument(
        "--recordings", type=Path, default=REPOSITORY / "build" / "recordings",
        help="where recorded runs are kept, so that the next build need not train them again")
    chosen = parser.parse_args()
    start = time.monotonic()
    try:
        build(chosen.out, chosen.recordings)
    except RecipeError as error:
        sys.exit(str(error))
    files = [file for file in chosen.out.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 2**20
    print(f"{chosen.out / 'index.html'}: {len(files)} files, {size:.1f} MiB, "
          f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
