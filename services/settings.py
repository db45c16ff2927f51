"""Settings, read from the environment under `BENEFITS_…`; each has a default that suits one machine."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What differs from one installation to another. Times are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="BENEFITS_", extra="ignore")

    mode: Literal["production", "embedded"] = "production"

    # PostgreSQL
    database: SecretStr = SecretStr("")
    schema_name: str = Field("exchange", pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    database_connections: int = 8
    statement_timeout_ms: int = 30_000
    idle_in_transaction_timeout_ms: int = 2_000

    # Kafka
    kafka: str = ""
    kafka_api_version: str = ""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_ca_file: Path | None = None
    #: Name of the cluster where the broker tells none: the embedded broker's incarnation.
    kafka_cluster: str = ""
    consumer_group: str = "benefits-ingest"
    session_timeout_ms: int = 10_000
    topic_partitions: int = 4
    topic_replication: int = 1

    # Ingest
    batch_size: int = 1_000
    cached_streams: int = 50_000

    # HTTP
    host: str = "127.0.0.1"
    port: int = 8080
    #: A file or an https URL with the public keys (JWKS) that tokens are signed with.
    jwks: str = ""
    token_issuer: str = "portable-benefits-exchange"
    token_audience: str = "portable-benefits-exchange"
    wait_seconds: float = 5.0

    #: Where each process serves `/metrics` and `/readyz`, if anywhere.
    health_port: int | None = None

    # From `benefits up` to its children: the socket to serve on, and whose child they are
    listener: int | None = None
    owner: int | None = None

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def environment(self) -> dict[str, str]:
        """All settings as environment variables, for child processes."""
        return {f"BENEFITS_{name.upper()}": _text(value) for name, value in self if value is not None}


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
