"""Makes the scripts of training/ importable, as when they run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
