"""Thin compositions of domain, projections and infra: what runs. Only `composition` knows `infra`."""
