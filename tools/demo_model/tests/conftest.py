"""Makes the scripts of tools/demo_model importable, as when they run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
