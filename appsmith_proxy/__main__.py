"""``python -m appsmith_proxy`` is ``appsmith-proxy``."""

import sys

from appsmith_proxy.cli import main

sys.exit(main())
