"""A database and a broker that come with the exchange, for a first look and for tests."""
