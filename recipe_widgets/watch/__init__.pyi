from .script_runner import run_script as run_script
from .session import Finding as Finding
from .session import Report as Report
from .session import watch as watch

__all__ = ["Finding", "Report", "run_script", "watch"]
