"""A message keeps its coordinates, so that what was refused can be found again."""

from domain.message import Partition


def test_a_partition_is_written_as_kafka_does() -> None:
    assert str(Partition("kafka-1", "gigs.uber", 3)) == "gigs.uber/3"


def test_partitions_have_one_order_in_which_all_take_them() -> None:
    there = [
        Partition("kafka-1", "gigs.uber", 10),
        Partition("kafka-1", "gigs.lyft", 2),
        Partition("kafka-1", "gigs.uber", 9),
    ]
    assert [str(each) for each in sorted(there)] == ["gigs.lyft/2", "gigs.uber/9", "gigs.uber/10"]
