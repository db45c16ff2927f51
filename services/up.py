"""An embedded exchange: database, broker and the services, each a process of its own, watched by this one.

    with embedded_exchange(Path("data")) as exchange:
        exchange.settings                  # what a client, or `Exchange(exchange.settings, "demo")`, needs to reach it
        exchange.token("operator", "ada")
        exchange.wait(stop)                # until told to stop; raises when it cannot go on

Everything of it is the production code with other settings; only the broker keeps nothing, so that each start is a new
incarnation whose topics are made again and whose offsets begin at 0.

    data directory/
    ├── exchange.json            where the running exchange is, for other commands
    ├── development-key.pem      signs development tokens
    ├── logs/*.log               what each process said since the last start, `.log.1` the time before
    └── postgres/ …              see infra/embedded
"""

import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from os import getpid
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Final

from msgspec import Struct
from pydantic import SecretStr

from domain.rejections import ExchangeError, Unavailable
from services import logs, tokens, whereabouts
from services.api.access import Role
from services.child import Child, environment_for_children, reachable
from services.composition import (
    EmbeddedServers,
    Exchange,
    embedded_api_version,
    listen,
    now,
    require_compiled_checksums,
)
from services.logs import logger
from services.settings import Settings
from services.whereabouts import Announcement, Whereabouts

BROKER_SECONDS_MAX: Final = 30.0
READY_SECONDS_MAX: Final = 90.0
CHECK_SECONDS: Final = 0.2
#: After a crash the last holder of a port may take a moment to end.
PORT_SECONDS_MAX: Final = 3.0
#: A process that ends more often than this within a minute will not come up.
RESTARTS_MAX: Final = 5
RESTARTS_WITHIN_SECONDS: Final = 60.0
#: Kafka's least. A killed member's partitions are free after it.
SESSION_TIMEOUT_MS: Final = 6_000
TOKEN_LIFETIME: Final = timedelta(days=7)

#: The processes besides broker and database, in the order in which they are started; they are stopped in reverse.
SERVICES: Final = {
    "project": ["project"],
    "reassess": ["reassess", "--follow"],
    "ingest": ["ingest"],
    "api": ["api"],
}

#: Whom the tokens that `up` prints are bound to, by role.
SUBJECTS: Final[dict[Role, str]] = {
    "operator": "operator",
    "auditor": "auditor",
    "worker": "w-104",
    "platform": "acme",
}

#: Told in words what is being done.
Told = Callable[[str], None]

log = logger(__name__)


class Addresses(Struct, frozen=True):
    """What `benefits up --json` prints."""

    api: str
    kafka: str
    database: str
    data_dir: str
    tokens: dict[str, str]


class CannotComeUp(Unavailable):
    """A process of the exchange ends as often as it is started, or does not become ready."""

    code = "cannot_come_up"


@contextmanager
def embedded_exchange(
    data: Path | None = None,
    *,
    settings: Settings | None = None,
    port: int | None = None,
    findable: bool = False,
    stop: Flag | None = None,
    told: Told = lambda _: None,
    log_to_file: bool = True,
) -> Iterator["EmbeddedExchange"]:
    """A running embedded exchange, ready when the block begins, stopped in order (API first, database last) at its end.

    `data` is kept, and a second start on it goes on where the first stopped; without it everything is in a temporary
    directory that goes with the block. `settings` are tuning and limits; addresses in them are replaced. `port` is the
    API's (0: any free one; None: the configured one, else 8080 if it is free, else any). A `findable` exchange is found
    by other commands without `--data`. `stop`, raised while it starts, gives up with `KeyboardInterrupt`. Logs of this
    process go to `logs/up.log` too, unless `log_to_file` is false.

    Raises `DataDirectoryInUse`, `DataDirectoryNotWritable`, `EmbeddedNotInstalled`, `DatabaseDidNotStart`,
    `ChecksumsTooSlow`, `CannotComeUp` or another `Unavailable`, with everything stopped again.
    """
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="benefits-", ignore_cleanup_errors=True)))
        exchange = EmbeddedExchange(folder, settings or Settings(), stop or Flag(), told)
        try:
            exchange.start(stack, port, findable=findable, log_to_file=log_to_file)
        except ExchangeError:
            # Ctrl-C reaches programs that we run in the foreground, too: what they say then is not the reason.
            if exchange.is_interrupted:
                raise KeyboardInterrupt from None
            raise
        yield exchange


class EmbeddedExchange:
    """The processes of one exchange, and how to reach it."""

    def __init__(self, data: Path, settings: Settings, stop: Flag, told: Told) -> None:
        self.settings = settings
        self._stop = stop
        self._told = told
        self._servers = EmbeddedServers(data)
        self.data_dir = self._servers.directory.path
        self._announcement: Announcement
        self._children: dict[str, Child] = {}
        self._restarts: dict[str, deque[float]] = {}
        self._announcing = Lock()
        self._ending = Flag()
        self._failure: ExchangeError | None = None

    # What users of the context manager need

    @property
    def api(self) -> str:
        """The API's base URL."""
        host = reachable(self.settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"

    @property
    def addresses(self) -> Addresses:
        """Where everything is, with a token for each role."""
        return Addresses(
            api=self.api,
            kafka=self.settings.kafka,
            database=self.settings.database.get_secret_value(),
            data_dir=str(self.data_dir),
            tokens={role: self.token(role, subject) for role, subject in SUBJECTS.items()},
        )

    def token(self, role: Role, subject: str, lifetime: timedelta = TOKEN_LIFETIME) -> str:
        """A token that this exchange's API takes."""
        return self._tokens.mint(role, subject, lifetime, now())

    def pids(self) -> dict[str, int]:
        """The processes that run, by name, without the database's."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    def wait(self, stop: Flag) -> None:
        """Return once told to stop; raises what the exchange cannot go on for."""
        while not stop.wait(CHECK_SECONDS):
            if self._failure is not None:
                raise self._failure

    @property
    def is_interrupted(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    # Starting

    def start(self, stack: ExitStack, port: int | None, *, findable: bool, log_to_file: bool) -> None:
        """Start everything and wait until it is ready; `stack` undoes it in reverse order."""
        require_compiled_checksums()
        directory = self._servers.directory
        directory.claim()
        stack.callback(directory.release)
        self._begin_logs(stack, log_to_file=log_to_file)
        self._tokens = tokens.development_tokens(
            self.data_dir, self.settings.token_issuer, self.settings.token_audience
        )
        listeners = self._listen(stack, port)
        self._told("starting broker and database")
        self._start_servers(stack)
        self._told("preparing the schema and the platforms' topics")
        self._prepare()
        self._told("starting the services")
        self._start_services(stack, listeners)
        self._announcement = stack.enter_context(whereabouts.announced(self.data_dir, findable=findable))
        self._watch_from_now_on(stack)
        self._wait_until_ready()
        self._announce()

    def _begin_logs(self, stack: ExitStack, *, log_to_file: bool) -> None:
        folder = self._log_path("up").parent
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.log"):
            path.replace(path.with_suffix(".log.1"))
        if log_to_file:
            stream = stack.enter_context(self._log_path("up").open("a", buffering=1))
            logs.configure(self.settings.log_level, stream)
            stack.callback(logs.configure, "critical")

    def _log_path(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"

    def _listen(self, stack: ExitStack, port: int | None) -> dict[str, socket.socket]:
        """The sockets that our children serve on: held by us, so that a port stays the same whoever serves."""
        api = self._listen_for_api(port)
        listeners = {"api": api} | {name: listen("127.0.0.1", 0) for name in SERVICES if name != "api"}
        for listener in listeners.values():
            stack.enter_context(listener)
        self.settings = self.settings.model_copy(update={"port": api.getsockname()[1]})
        return listeners

    def _listen_for_api(self, port: int | None) -> socket.socket:
        host = self.settings.host
        is_wish = port is None and "port" not in self.settings.model_fields_set
        wanted = self.settings.port if port is None else port
        has_crashed = (self.data_dir / whereabouts.FILE).exists()
        deadline = monotonic() + (PORT_SECONDS_MAX if has_crashed else 0)
        while True:
            try:
                return listen(host, wanted)
            except Unavailable:
                if monotonic() < deadline:
                    sleep(0.1)
                elif is_wish:
                    return listen(host, 0)
                else:
                    raise

    def _start_servers(self, stack: ExitStack) -> None:
        database = self._servers.database
        broker = Child("broker", ["embedded-broker", str(self._servers.announcement)], self._log_path("broker"))
        self._children["broker"] = broker
        # Callbacks run in reverse: the database stops last.
        stack.callback(database.stop)
        stack.callback(broker.stop)
        self._start_broker()
        dsn = database.start()
        self.settings = self.settings.model_copy(
            update={"database": SecretStr(dsn), "schema_name": "exchange", "jwks": str(self._tokens.jwks_file)}
        )
        self._find_broker()

    def _start_broker(self) -> None:
        self._servers.announcement.unlink(missing_ok=True)
        self._children["broker"].start(self._environment())

    def _find_broker(self) -> None:
        """Take the address that the broker announces into the settings; raises `CannotComeUp`."""
        broker, deadline = self._children["broker"], monotonic() + BROKER_SECONDS_MAX
        while broker.exit_code is None and monotonic() < deadline:
            self._give_up_if_interrupted()
            try:
                address = self._servers.broker(CHECK_SECONDS)
            except Unavailable:
                continue
            self.settings = _with_broker(self.settings, address.bootstrap, address.incarnation)
            return
        raise self._does_not_come_up(broker)

    def _prepare(self) -> None:
        with Exchange(self.settings, "up") as exchange:
            exchange.start()
            exchange.make_topics()

    def _start_services(self, stack: ExitStack, listeners: dict[str, socket.socket]) -> None:
        for name, command in SERVICES.items():
            child = Child(name, command, self._log_path(name), listeners[name])
            self._children[name] = child
            stack.callback(child.stop)
            child.start(self._environment())

    def _environment(self) -> dict[str, str]:
        return environment_for_children(self.settings.environment())

    def _wait_until_ready(self) -> None:
        deadline = monotonic() + READY_SECONDS_MAX
        for name in SERVICES:
            while (reason := self._children[name].unreadiness()) is not None:
                self._give_up_if_interrupted()
                if self._failure is not None:
                    raise self._failure
                if monotonic() > deadline:
                    raise CannotComeUp(f"{name} is not ready after {READY_SECONDS_MAX:.0f} s: {reason:.300}")
                sleep(0.05)

    def _give_up_if_interrupted(self) -> None:
        if self._stop.is_set() or self._ending.is_set():
            raise KeyboardInterrupt

    def _announce(self) -> None:
        with self._announcing:
            self._announcement.say(Whereabouts(str(self.data_dir), getpid(), self.settings.environment()))

    # Watching

    def _watch_from_now_on(self, stack: ExitStack) -> None:
        watch = Thread(target=self._watch, name="watch", daemon=True)
        watch.start()

        def end() -> None:
            self._ending.set()
            watch.join()

        stack.callback(end)

    def _watch(self) -> None:
        try:
            while not self._ending.wait(CHECK_SECONDS):
                self._tend()
        except KeyboardInterrupt:
            return
        except ExchangeError as error:
            self._failure = error
        except Exception as error:  # whoever waits must hear of it
            log.exception("watching failed")
            self._failure = CannotComeUp(f"{type(error).__name__}: {error}")

    def _tend(self) -> None:
        """Start again what has ended."""
        database = self._servers.database
        if not database.running:
            self._pause_before_restart("database", "see its log", self.data_dir / "postgres.log.1")
            database.stop()
            database.start()
        if self._children["broker"].exit_code is not None:
            self._pause(self._children["broker"])
            self._renew_broker()
        for child in self._children.values():
            if child.exit_code is not None and not self._ending.is_set():
                self._pause(child)
                child.start(self._environment())

    def _renew_broker(self) -> None:
        """Another broker, empty and elsewhere: whoever talks to it has to be told."""
        self._start_broker()
        self._find_broker()
        self._prepare()
        for name in ("ingest", "api"):
            self._children[name].stop()
            self._children[name].start(self._environment())
        self._announce()
        self._told(f"the broker started anew and empty: it listens on {self.settings.kafka} now")

    def _pause(self, child: Child) -> None:
        code = child.exit_code
        if code == 2:
            # It said what is the matter, and would say it again.
            raise self._does_not_come_up(child)
        is_signal = code is not None and code < 0
        how = f"signal {-(code or 0)}" if is_signal else f"exit code {code}: {child.last_words()}"
        self._pause_before_restart(child.name, how, child.log)

    def _pause_before_restart(self, name: str, why: str, path: Path) -> None:
        """Wait longer each time; raises `CannotComeUp` when it happens too often."""
        ended = self._restarts.setdefault(name, deque())
        ended.append(monotonic())
        while ended[0] < monotonic() - RESTARTS_WITHIN_SECONDS:
            ended.popleft()
        if len(ended) > RESTARTS_MAX:
            raise CannotComeUp(f"{name} ended {len(ended)} times within a minute ({why:.300}); see {path}")
        log.warning("restarting", process=name, reason=why)
        self._told(f"{name} ended ({why:.200}) and is started again; see {path}")
        self._ending.wait(0.1 * 4 ** (len(ended) - 1))

    def _does_not_come_up(self, child: Child) -> CannotComeUp:
        return CannotComeUp(f"{child.name} does not come up: {child.last_words()[:300]}")


def _with_broker(settings: Settings, bootstrap: str, incarnation: str) -> Settings:
    """The settings with the embedded broker in place of any other."""
    update = {
        "mode": "embedded",
        "kafka": bootstrap,
        "kafka_cluster": incarnation,
        "kafka_api_version": embedded_api_version(),
        "kafka_security_protocol": "PLAINTEXT",
        "kafka_user": "",
        "kafka_password": SecretStr(""),
        "kafka_ca_file": None,
        "topic_replication": 1,
        "health_port": None,
    }
    if "session_timeout_ms" not in settings.model_fields_set:
        update["session_timeout_ms"] = SESSION_TIMEOUT_MS
    return settings.model_copy(update=update)
