"""The HTTP API: routes, who may call them, and how answers and refusals are written."""
