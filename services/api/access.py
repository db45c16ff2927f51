"""Who may call what: the one table. A route that is not in it does not start.

`own`: only the worker or the platform that the token is bound to; any other is answered like one that does not exist.
`part`: a gig concerns a platform and a worker; the route shows a worker only their part, and without one it is missing.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Struct

from domain.platform import PlatformNotFound
from domain.rejections import ExchangeError, InvariantBroken, NotFound

Role = Literal["worker", "platform", "operator", "auditor"]
Reach = Literal["own", "part", "any"]
Route = tuple[str, str]

ROLES: Final[tuple[Role, ...]] = get_args(Role)


class Grants(Struct, frozen=True):
    """How far each role reaches on a route; None: not at all."""

    worker: Reach | None = None
    platform: Reach | None = None
    operator: Reach | None = None
    auditor: Reach | None = None
    public: bool = False

    def reach(self, role: Role) -> Reach | None:
        """How far a role reaches."""
        reach: Reach | None = getattr(self, role)
        return reach

    def words(self) -> str:
        """The grants as a sentence for the API's description."""
        reaches = [f"{role} ({reach})" for role in ROLES if (reach := self.reach(role))]
        return "No token needed." if self.public else f"Roles: {', '.join(reaches)}."


PUBLIC: Final = Grants(public=True)

ACCESS: Final[Mapping[Route, Grants]] = {
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/v1/workers/{worker_id}/balance"): Grants(worker="own", operator="any", auditor="any"),
    ("GET", "/v1/workers/{worker_id}/sources"): Grants(worker="own", operator="any", auditor="any"),
    ("GET", "/v1/workers/{worker_id}/entries"): Grants(worker="own", operator="any", auditor="any"),
    ("GET", "/v1/platforms"): Grants(operator="any", auditor="any"),
    ("POST", "/v1/platforms"): Grants(operator="any"),
    ("GET", "/v1/platforms/{platform_id}"): Grants(platform="own", operator="any", auditor="any"),
    ("POST", "/v1/platforms/{platform_id}/memberships"): Grants(operator="any"),
    ("GET", "/v1/platforms/{platform_id}/liability"): Grants(platform="own", operator="any", auditor="any"),
    ("GET", "/v1/platforms/{platform_id}/gigs/{gig_id}"): Grants(
        worker="part", platform="own", operator="any", auditor="any"
    ),
    ("GET", "/v1/programs"): Grants(worker="any", platform="any", operator="any", auditor="any"),
    ("GET", "/v1/programs/{program_id}"): Grants(worker="any", platform="any", operator="any", auditor="any"),
    ("POST", "/v1/programs/{program_id}/versions"): Grants(operator="any"),
}


class Forbidden(ExchangeError):
    """The caller's role may not do this, whatever the object."""

    code = "forbidden"


class WorkerNotFound(NotFound):
    """There is no such worker for this caller."""

    code = "worker_not_found"


class Principal(Struct, frozen=True):
    """Who calls: a role, and the worker, platform or person that the token names."""

    role: Role
    subject: str


def grants_of(route: Route) -> Grants:
    """The table's entry of a route; raises `InvariantBroken` where it has none."""
    try:
        return ACCESS[route]
    except KeyError:
        raise InvariantBroken(f"{' '.join(route)} has no entry in the access table") from None


def require(grants: Grants, principal: Principal, path: Mapping[str, str]) -> None:
    """Raise `Forbidden`, or what a missing object raises, unless the caller may call the route on this path."""
    reach = grants.reach(principal.role)
    if reach is None:
        raise Forbidden(f"the role {principal.role} may not do this")
    if reach == "own" and principal.role == "worker" and path["worker_id"] != principal.subject:
        raise worker_not_found(path["worker_id"])
    if reach == "own" and principal.role == "platform" and path["platform_id"] != principal.subject:
        raise platform_not_found(path["platform_id"])


def worker_not_found(worker_id: str) -> WorkerNotFound:
    """The one answer for a worker that the caller may not know of."""
    return WorkerNotFound(f"no worker {worker_id!r:.140}")


def platform_not_found(platform_id: str) -> PlatformNotFound:
    """The one answer for a platform that does not exist or that the caller may not know of."""
    return PlatformNotFound(f"no platform {platform_id!r:.140} is registered")
