from .script import save_script as save_script
from .script import script_of as script_of
