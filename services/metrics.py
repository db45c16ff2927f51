"""Metrics, as Prometheus reads them."""

from types import SimpleNamespace

from prometheus_client import Counter, Gauge, Histogram

INGEST = SimpleNamespace(
    gigs=Counter("benefits_ingest_gigs", "Messages taken, by outcome.", ["outcome"]),
    quarantined=Counter("benefits_ingest_quarantined", "Messages put into quarantine, by reason.", ["reason"]),
    conflicts=Counter("benefits_ingest_conflicts", "Batches decided anew because somebody else wrote first."),
    batch_seconds=Histogram("benefits_ingest_batch_seconds", "Seconds from the first lock to the commit of a batch."),
    ready=Gauge("benefits_ingest_ready", "1 while this process takes gigs, 0 while it waits or found a defect."),
)

PROJECTOR = SimpleNamespace(
    events=Counter("benefits_projector_events", "Events folded into views."),
    position=Gauge("benefits_projector_position", "The position the views stand at."),
    ready=Gauge("benefits_projector_ready", "1 while this process follows the log, 0 while it waits."),
)

REASSESS = SimpleNamespace(
    events=Counter("benefits_reassess_events", "Events written because of late versions and memberships."),
    findings=Gauge(
        "benefits_reassess_findings", "Work periods and gigs that could not be re-assessed, of the last pass."
    ),
    ready=Gauge("benefits_reassess_ready", "1 while this process follows programs and platforms, 0 while it waits."),
)
