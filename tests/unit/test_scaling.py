"""The simulation behind docs/scaling.md: it holds by itself, and the page says what it says."""

from dataclasses import replace

from benchmarks.scaling_model import LEASE_SECONDS, RESTART_SECONDS, Costs, Plant, Sending
from benchmarks.scaling_simulation import DOCUMENT, STAGES, tables, with_tables
from newsletters.delivery.batches import LEASE

COSTS = Costs(sender_us=400, database_us=100)
PLANT = Plant(workers=2, connections=10, batch_size=100, database_cores=2, relay_rate=1000, reply_ms=20)


def test_the_page_says_what_the_simulation_says() -> None:
    page = DOCUMENT.read_text()

    assert page == with_tables(page, tables()), "run: make simulate"


def test_everybody_gets_the_issue_and_nobody_twice_where_nothing_breaks() -> None:
    outcome = Sending(PLANT, COSTS, readers=20_000).run()

    assert (outcome.sent, outcome.repeated_at_most) == (20_000, 0)
    assert outcome.rate <= PLANT.relay_rate


def test_a_killed_worker_costs_its_connections_and_a_wait_for_its_leases() -> None:
    alone = replace(PLANT, workers=1)

    calm = Sending(alone, COSTS, readers=20_000).run()
    killed = Sending(alone, COSTS, readers=20_000, kills=2).run()

    assert killed.sent == calm.sent
    assert 0 < killed.repeated_at_most <= 2 * PLANT.connections
    assert killed.longest_pause_seconds >= RESTART_SECONDS
    assert killed.seconds <= calm.seconds + 2 * LEASE_SECONDS + 1


def test_what_is_scarce_sets_the_pace() -> None:
    by_relay = Sending(replace(PLANT, relay_rate=100), COSTS, readers=5_000).run()
    by_waiting = Sending(replace(PLANT, reply_ms=1000), COSTS, readers=5_000).run()
    by_signing = Sending(
        replace(PLANT, relay_rate=1e9, reply_ms=0), replace(COSTS, sender_us=20_000), readers=5_000
    ).run()
    by_database = Sending(
        replace(PLANT, relay_rate=1e9, reply_ms=0), replace(COSTS, database_us=20_000), readers=5_000
    ).run()

    assert by_relay.relay_busy > 0.95
    assert 0.9 * 20 <= by_waiting.rate <= 20  # 20 connections, a second each
    assert by_signing.workers_busy > 0.9
    assert by_database.database_busy > 0.9


def test_the_model_has_the_products_lease() -> None:
    assert LEASE.total_seconds() == LEASE_SECONDS


def test_no_stage_asks_for_more_than_a_day_of_sending() -> None:
    for stage in STAGES:
        assert stage.deliveries_a_day / stage.plant.relay_rate < 12 * 3600
