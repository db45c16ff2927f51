"""PostgreSQL: connections, schema, and the tables beside the event log."""
