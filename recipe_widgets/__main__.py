"""`python -m recipe_widgets ...` is `recipe ...`."""

import sys

from recipe_widgets.cli import main

sys.exit(main())
