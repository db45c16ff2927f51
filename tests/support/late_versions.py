"""Programs with versions that come late: the rate doubles, other gigs are taken, one class of vehicle is left."""

from typing import Final

from tests.support.gigs import TENTH, versions

ONLY_RIDES: Final = '[applies_to]\nservices = ["ride"]\n\n[base]'
BY_CLASS: Final = TENTH.replace('"10 %"', '{ by_vehicle_class = { car = "10 %" } }')
HOURS: Final = """
id = "hours"
version = 1
title = "An amount for whoever works an hour, over all platforms"
source = "invented"
currency = "USD"
period = "month"
scope = "pooled"
time_zone = "America/New_York"
attribution_date = "completed_at"
effective_from = 2023-01-01

[base]
components = ["fare"]

[[rules]]
amount = { kind = "fixed", amount = "12.00" }
when = { hours_at_least = "1" }
rounding = { direction = "half_up", per = "period" }
benefits = [{ benefit = "health" }]
"""

#: A tenth of the fare, and what comes in its place.
FIRST: Final = versions()
(DOUBLED,) = versions(TENTH.replace("10 %", "20 %"), version=2)
(HALVED,) = versions(TENTH.replace("10 %", "5 %"), version=3)
(RIDES,) = versions(TENTH.replace("[base]", ONLY_RIDES), version=2)
(CARS,) = versions(BY_CLASS, version=2)
#: 12.00 for whoever works an hour in a month, divided over the platforms; and twice as much.
POOLED: Final = versions(HOURS)
(POOLED_DOUBLED,) = versions(HOURS.replace("12.00", "24.00"), version=2)
