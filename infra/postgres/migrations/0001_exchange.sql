-- The log. The columns are those of the `eventsourcing` library; the collation makes a prefix of a stream id a range.
create table exchange_events (
    originator_id text collate "C" not null,
    originator_version bigint not null,
    topic text not null,
    state bytea not null,
    notification_id bigserial not null,
    primary key (originator_id, originator_version)
);
create unique index exchange_events_notification_id_idx on exchange_events (notification_id);

-- How far each version of each view has come (the library's tracking table).
create table exchange_tracking (
    application_name text primary key,
    notification_id bigint
) with (fillfactor = 50);

-- Which streams a worker's entries stand in; written with the first event of each stream.
create table worker_stream (
    worker_id text collate "C" not null,
    stream text collate "C" not null,
    primary key (worker_id, stream)
);

-- The gig registry, a fold of the log: what was last reported of each gig and where its events stand.
create table gig_registry (
    platform_id text collate "C" not null,
    gig_id text collate "C" not null,
    revision integer not null,
    cancelled boolean not null,
    digest bytea not null,
    events bytea not null,
    primary key (platform_id, gig_id)
);

-- Raised by each program and platform event; shared by each batch, so that none decides by a stale configuration.
create table configuration (
    only_row boolean primary key default true check (only_row),
    epoch bigint not null
);
insert into configuration (epoch) values (0);

-- Kafka offsets and the epoch that fences their former owners.
create table intake_offset (
    cluster text collate "C" not null,
    topic text collate "C" not null,
    partition integer not null,
    topic_id text not null,
    next_offset bigint not null,
    epoch bigint not null,
    stream_version bigint not null,
    primary key (cluster, topic, partition)
) with (fillfactor = 50);

-- Messages that could not be taken, whole.
create table quarantine (
    quarantine_id bigint generated always as identity primary key,
    cluster text not null,
    topic text not null,
    topic_id text not null,
    partition integer not null,
    message_offset bigint not null,
    message_timestamp_ms bigint,
    message_key bytea,
    message_value bytea,
    message_headers bytea not null,
    reason text not null,
    detail text not null,
    recorded_at timestamptz not null,
    state text not null default 'open' check (state in ('open', 'redriven', 'discarded')),
    resolution text,
    resolved_at timestamptz,
    unique (cluster, topic, topic_id, partition, message_offset)
);
create index quarantine_open_idx on quarantine (quarantine_id) where state = 'open';

-- Which version of each view readers see.
create table view (
    name text primary key,
    live_version integer not null
);

create table worker_balance (
    version integer not null,
    worker_id text collate "C" not null,
    benefit text collate "C" not null,
    currency text collate "C" not null,
    pending_minor bigint not null,
    primary key (version, worker_id, benefit, currency)
) with (fillfactor = 70);

create table worker_source (
    version integer not null,
    worker_id text collate "C" not null,
    platform_id text collate "C" not null,
    benefit text collate "C" not null,
    currency text collate "C" not null,
    accrued_minor bigint not null,
    primary key (version, worker_id, platform_id, benefit, currency)
) with (fillfactor = 70);

create table platform_liability (
    version integer not null,
    platform_id text collate "C" not null,
    program_id text collate "C" not null,
    period text collate "C" not null,
    payer text collate "C" not null,
    currency text collate "C" not null,
    accrued_minor bigint not null,
    primary key (version, platform_id, program_id, period, payer, currency)
) with (fillfactor = 50);
