"""`python -m recipe_widgets.cli ...` is `recipe ...`, too."""

import sys

from recipe_widgets.cli import main

sys.exit(main())
