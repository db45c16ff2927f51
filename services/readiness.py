"""When the exchange counts as ready: shared by `/readyz` and `benefits doctor`."""

from datetime import timedelta
from typing import Final

#: Views that have not folded an event this long after it was recorded are behind.
VIEWS_BEHIND_MAX: Final = timedelta(seconds=30)
