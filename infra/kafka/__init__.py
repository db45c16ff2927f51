"""Kafka: the wire contract, the consumer group, topics and a producer."""
