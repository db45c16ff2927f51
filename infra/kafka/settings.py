"""How a broker is reached: one value, from which every kafka-python client is made."""

from typing import Any, Final

from msgspec import Struct

from domain.rejections import Malformed

#: kafka-python's default of five minutes would leave a new topic unread for as long.
METADATA_MAX_AGE_MS: Final = 5_000
#: A broker that is not there is found out within this, not after kafka-python's half minute.
BOOTSTRAP_TIMEOUT_MS: Final = 10_000
RECONNECT_BACKOFF_MS: Final = 100
RECONNECT_BACKOFF_MS_MAX: Final = 2_000


class BrokerSettings(Struct, frozen=True):
    """Where the broker is and how it knows us; empty text means: not given."""

    bootstrap_servers: str
    #: Like `2.3`; asked of the broker where it is not given. The embedded broker needs it.
    api_version: str = ""
    #: The cluster's name where the broker's own says nothing lasting: the embedded broker's incarnation.
    cluster: str = ""
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    user: str = ""
    password: str = ""
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"BrokerSettings({self.bootstrap_servers!r}, {self.security_protocol}, user={self.user!r})"

    def kwargs(self) -> dict[str, Any]:
        """What every kafka-python client takes; raises `Malformed`."""
        return {
            "bootstrap_servers": [server.strip() for server in self.bootstrap_servers.split(",") if server.strip()],
            "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
            "reconnect_backoff_ms": RECONNECT_BACKOFF_MS,
            "reconnect_backoff_max_ms": RECONNECT_BACKOFF_MS_MAX,
            **({"api_version": _version(self.api_version)} if self.api_version else {}),
            **self._security(),
        }

    def _security(self) -> dict[str, Any]:
        security: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            security["sasl_mechanism"] = self.sasl_mechanism
            security["sasl_plain_username"] = self.user
            security["sasl_plain_password"] = self.password
        if self.ca_file:
            security["ssl_cafile"] = self.ca_file
        return security


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    if not all(part.isdecimal() for part in parts):
        raise Malformed(f"{text!r} is not a version like 2.3", key="kafka_api_version")
    return tuple(int(part) for part in parts)
