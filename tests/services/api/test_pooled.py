"""Two platforms in one pooled program: a platform sees its own, everybody else sees how the platforms share it."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from services.api import shapes
from services.api.access import Role
from tests.support.gigs import gig
from tests.support.late_scene import JANUARY, job, publish, take
from tests.support.late_versions import POOLED, POOLED_DOUBLED
from tests.support.scene import Scene

Ask = Callable[..., Any]

SEEN_WHOLE: list[tuple[Role, str]] = [("worker", "w-1"), ("operator", "ada"), ("auditor", "grace")]


def _usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


@pytest.fixture(scope="module")
def ask(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """12.00 a month from one hour on, over all platforms; `w-2`'s month was assessed again with 24.00."""
    scene = Scene(database, tmp_path_factory.mktemp("keys"))
    publish(scene, *POOLED)
    for platform_id in ("uber", "lyft"):
        scene.register(platform_id, hours=JANUARY)
    take(scene, gig("late-1", worker_id="w-2", engaged_seconds=3_600))
    publish(scene, POOLED_DOUBLED)
    job(scene).all_due()
    take(scene, gig("trip-1", fare=31_37, engaged_seconds=2_400), platform_id="uber")
    take(scene, gig("trip-2", fare=17_91, engaged_seconds=1_200), platform_id="lyft")
    take(scene, gig("trip-3", fare=8_53, engaged_seconds=3_600), platform_id="lyft")
    scene.project()
    with TestClient(scene.app, raise_server_exceptions=False) as client:

        def ask(path: str, role: Role = "auditor", subject: str = "grace") -> Any:
            response = client.get(path, headers={"Authorization": f"Bearer {scene.token(role, subject)}"})
            assert response.status_code == 200, response.text
            return response.json()

        yield ask
    scene.close()


def _program(answer: Any) -> Any:
    shapes.Gig.model_validate(answer)
    (program,) = answer["programs"]
    return program


# What everybody but the platforms sees


@pytest.mark.parametrize(("role", "subject"), SEEN_WHOLE)
def test_the_gig_that_reaches_the_threshold_shows_the_totals_and_lines_of_all_platforms(
    ask: Ask, role: Role, subject: str
) -> None:
    program = _program(ask("/v1/platforms/lyft/gigs/trip-2", role, subject))
    after = [(each["platform_id"], each["engaged_seconds"]) for each in program["totals_after"]]
    assert after == [("uber", 2_400), ("lyft", 1_200)]
    assert [(each["platform_id"], each["amount"], each["words"]) for each in program["lines"]] == [
        ("lyft", _usd(8_00), "entitled to 8.00 now, 0.00 before: 8.00"),
        ("uber", _usd(16_00), "re-division: entitled to 16.00 now, 0.00 before: 16.00"),
    ]
    assert program["arithmetic"] == [
        "a fixed 24.00 → 24.00, half up per month; the threshold of 1 hour in the month is reached (1 h so far)",
        (
            "divided over the platforms by engaged time, the largest remainders taking what flooring leaves: "
            "lyft 8.00 for 20 min, uber 16.00 for 40 min"
        ),
    ]


def test_a_later_gig_re_divides_and_says_so(ask: Ask) -> None:
    program = _program(ask("/v1/platforms/lyft/gigs/trip-3"))
    assert [(each["platform_id"], each["words"]) for each in program["lines"]] == [
        ("lyft", "entitled to 16.00 now, 8.00 before: 8.00"),
        ("uber", "re-division: entitled to 8.00 now, 16.00 before: -8.00"),
    ]


def test_a_workers_entries_name_the_platform_that_owes_each_line(ask: Ask) -> None:
    (latest, *_) = ask("/v1/workers/w-1/entries", "worker", "w-1")["entries"]
    assert (latest["platform_id"], latest["gig_id"], latest["cause"]) == ("lyft", "trip-3", "gig")
    assert [(each["platform_id"], each["amount"]) for each in latest["lines"]] == [
        ("lyft", _usd(8_00)),
        ("uber", _usd(-8_00)),
    ]


# What a platform sees


def test_a_platform_sees_its_own_totals_lines_and_share(ask: Ask) -> None:
    program = _program(ask("/v1/platforms/lyft/gigs/trip-2", "platform", "lyft"))
    assert program["totals_before"] == []
    assert [(each["platform_id"], each["engaged_seconds"]) for each in program["totals_after"]] == [("lyft", 1_200)]
    assert [(each["platform_id"], each["entitled"], each["uncapped"]) for each in program["lines"]] == [
        ("lyft", _usd(8_00), None)
    ]
    assert program["arithmetic"] == [
        (
            "what is due is decided by engaged time over all platforms; "
            "your share, by engaged time, is 8.00 now, 0.00 before"
        ),
    ]


#: The other platform and what the worker earned and worked there, there and here together, and what that came to.
NOT_FOR_LYFT = ("uber", "3137", "31.37", "2400", "40 min", "4928", "49.28", "3600", "1 h", "24.00", "16.00", "1600")


@pytest.mark.parametrize("hidden", NOT_FOR_LYFT)
def test_nothing_of_the_work_for_others_is_in_what_a_platform_reads(ask: Ask, hidden: str) -> None:
    path = "/v1/platforms/lyft/gigs/trip-2"
    assert hidden not in orjson.dumps(ask(path, "platform", "lyft")).decode()


def test_a_platform_owes_its_own_share_only(ask: Ask) -> None:
    lines = ask("/v1/platforms/lyft/liability", "platform", "lyft")["lines"]
    assert [(each["period"], each["accrued"]) for each in lines] == [("2023-06", _usd(16_00))]


# A month that was assessed again


def test_a_gig_says_by_which_version_it_counts_by_now(ask: Ask) -> None:
    program = _program(ask("/v1/platforms/uber/gigs/late-1", "worker", "w-2"))
    assert (program["program_version"], program["counts_by_version"]) == (1, 2)
    assert program["words"] == (
        "Revision 0 counts in 2023-06. Since then all gigs of 2023-06 count by version 2 instead of version 1."
    )
    assert program["arithmetic"][2:] == [
        (
            "by version 2 now: a fixed 24.00 → 24.00, half up per month; "
            "the threshold of 1 hour in the month is reached (1 h so far)"
        ),
        (
            "by version 2 now: divided over the platforms by engaged time, the largest remainders taking what flooring "
            "leaves: uber 24.00 for 1 h"
        ),
    ]


def test_a_platform_reads_its_share_by_now(ask: Ask) -> None:
    program = _program(ask("/v1/platforms/uber/gigs/late-1", "platform", "uber"))
    assert program["arithmetic"] == [
        (
            "what is due is decided by engaged time over all platforms; "
            "your share, by engaged time, is 12.00 now, 0.00 before"
        ),
        (
            "by version 2 now: what is due is decided by engaged time over all platforms; "
            "your share, by engaged time, is 24.00 now"
        ),
    ]


def test_the_workers_entry_names_the_version_as_its_cause(ask: Ask) -> None:
    answer = ask("/v1/workers/w-2/entries", "worker", "w-2")
    shapes.Entries.model_validate(answer)
    moved, accrued = answer["entries"]
    assert (moved["kind"], moved["cause"]) == ("contribution_adjusted", "program_version")
    assert (moved["program_version"], moved["replaced_version"], moved["replaced_revision"]) == (2, 1, None)
    assert (moved["lines"][0]["amount"], moved["lines"][0]["entitled"]) == (_usd(12_00), _usd(24_00))
    assert (accrued["kind"], accrued["cause"], accrued["replaced_version"]) == ("contribution_accrued", "gig", None)
