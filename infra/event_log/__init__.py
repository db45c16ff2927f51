"""The event log: the `eventsourcing` library with our names, bytes and batches."""
