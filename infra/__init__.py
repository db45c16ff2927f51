"""The outside world: the event log on PostgreSQL, Kafka, and the embedded database and broker."""
