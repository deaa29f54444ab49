"""Makes the capacity table of docs/explanation/scale.md from measured costs, with a simulation of the centre's batches."""

import math
import random
from dataclasses import dataclass

from docs._generate.blocks import Blocks, table

PASSAGES_PER_KIOSK_AND_DAY = 300
BUSIEST_HOUR_SHARE = 0.12
HEALTH_INTERVAL_S = 60.0
MESSAGES_PER_BATCH = 1000
"""The shipped brokers send so many before the first is acknowledged."""
RELAY_POLL_S = 0.1
"""A kiosk's delivery thread looks for new events so often."""
USABLE = 0.5
"""Part of a processor that is planned. The rest is for storms, backlogs and queries."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured with `make fleet` on one busy two-core machine, on 2026-11-28. Processor times in seconds."""

    broker_idle: float = 6e-3
    """Of each second, without any kiosk."""
    broker_per_kiosk: float = 1.5e-6
    """Of each second: pings and health."""
    broker_per_passage: float = 50e-6
    """The event, its receipt, and two acknowledgements."""
    centre_per_message: float = 190e-6
    centre_per_batch: float = 5.2e-3
    postgresql_per_message: float = 91e-6
    postgresql_per_batch: float = 5.0e-3
    tls_connect: float = 3.4e-3
    """Of the broker, for a connection with certificates on both sides."""
    connection_bytes: int = 24_000
    """Of the broker with TLS."""
    row_bytes: int = 490
    """With indexes, of 5 million rows in 20 days."""
    passage_bytes: int = 980
    """Event, receipt and acknowledgements as MQTT, without the headers of TCP and TLS."""
    kiosk_bytes_per_s: float = 14.5
    """Health and pings, likewise."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured for one load. Shares are of one processor."""

    kiosks: int
    passages_per_s: float
    p50_s: float
    broker: float
    centre: float
    postgresql: float


MEASURED = (
    Point(2_000, 100, 0.156, 0.014, 0.106, 0.082),
    Point(2_000, 500, 0.950, 0.034, 0.116, 0.057),
    Point(6_000, 100, 0.133, 0.020, 0.111, 0.104),
    Point(4_000, 250, 0.203, 0.028, 0.121, 0.106),
    Point(10_000, 100, 0.107, 0.038, 0.223, 0.250),
)
"""`make fleet KIOSKS=2000 FLEET_ARGS="--passages-per-s 100 --seconds 40"` and so on: no event was sent twice, none was lost.

The costs were fitted to the first three. The other two were measured afterwards, the last one at a load average of 5.
"""


def simulate(point: Point, costs: Costs, *, seconds: float = 60.0, seed: int = 1) -> Point:
    """The centre's batches at this load: all that has arrived is one batch, and the next one waits until it is committed.

    The time that a batch waits for the disk and for other programs of the machine is taken from the measured delay.
    """
    rng = random.Random(seed)
    rate = point.passages_per_s + point.kiosks / HEALTH_INTERVAL_S
    passage_share = point.passages_per_s / rate
    cycle_s = (point.p50_s - RELAY_POLL_S / 2) / 1.5  # half a cycle until a batch begins, and one until it is committed
    now_s = batches = messages = 0.0
    next_s = rng.expovariate(rate)
    delays: list[float] = []
    while now_s < seconds:
        now_s = max(now_s, next_s)
        arrived: list[float] = []
        while next_s <= now_s and len(arrived) < MESSAGES_PER_BATCH:
            arrived.append(next_s)
            next_s += rng.expovariate(rate)
        own_s = costs.centre_per_batch + costs.postgresql_per_batch
        own_s += len(arrived) * (costs.centre_per_message + costs.postgresql_per_message)
        now_s += max(cycle_s, own_s)
        batches += 1
        messages += len(arrived)
        delays += [now_s - at + rng.uniform(0, RELAY_POLL_S) for at in arrived if rng.random() < passage_share]
    return Point(
        point.kiosks,
        point.passages_per_s,
        sorted(delays)[len(delays) // 2],
        broker_share(point.kiosks, point.passages_per_s, costs),
        (batches * costs.centre_per_batch + messages * costs.centre_per_message) / now_s,
        (batches * costs.postgresql_per_batch + messages * costs.postgresql_per_message) / now_s,
    )


def broker_share(kiosks: float, passages_per_s: float, costs: Costs) -> float:
    """Of one processor."""
    return costs.broker_idle + kiosks * costs.broker_per_kiosk + passages_per_s * costs.broker_per_passage


def busiest_rate(kiosks: int) -> float:
    """Passages per second of the fleet in the busiest hour."""
    return kiosks * PASSAGES_PER_KIOSK_AND_DAY * BUSIEST_HOUR_SHARE / 3600


def _row(kiosks: int, costs: Costs) -> list[str]:
    passages = busiest_rate(kiosks)
    messages = passages + kiosks / HEALTH_INTERVAL_S
    day_rows = kiosks * PASSAGES_PER_KIOSK_AND_DAY
    network = passages * costs.passage_bytes + kiosks * costs.kiosk_bytes_per_s
    batches = messages / MESSAGES_PER_BATCH + 10  # ten commits a second keep the delay below a second
    centre = messages * costs.centre_per_message + batches * costs.centre_per_batch
    database = messages * costs.postgresql_per_message + batches * costs.postgresql_per_batch
    return [
        f"{kiosks:,}",
        f"{passages:,.0f}",
        f"{messages:,.0f}",
        f"{broker_share(kiosks, passages, costs):.2f}",
        f"{kiosks * costs.connection_bytes / 1e9:.2f} GB",
        f"{kiosks * costs.tls_connect / 60:.1f}",
        f"{centre:.2f} ({math.ceil(centre / USABLE)})",
        f"{database:.2f}",
        f"{day_rows / 1e6:,.1f} M, {day_rows * costs.row_bytes / 1e9:,.1f} GB",
        f"{network * 8 / 1e6:,.1f} Mbit/s",
    ]


def capacity() -> str:
    """The table of four sizes."""
    heads = [
        "kiosks", "passages/s, busiest hour", "messages/s", "broker, processors", "broker, memory",
        "processors for a reconnect in 60 s", "centre, processors (processes)", "PostgreSQL, processors", "rows a day",
        "network, MQTT only",
    ]  # fmt: skip
    return table(heads, [_row(kiosks, Costs()) for kiosks in (1_000, 10_000, 100_000, 1_000_000)])


def checked() -> str:
    """Measured values beside those of the simulation."""
    rows = []
    for point in MEASURED:
        found = simulate(point, Costs())
        rows.append(
            [
                f"{point.kiosks:,}, {point.passages_per_s:.0f}/s",
                *(
                    f"{getattr(point, name):.3f} / {getattr(found, name):.3f}"
                    for name in ("p50_s", "broker", "centre", "postgresql")
                ),
            ]
        )
    return table(["kiosks, passages", "receipt p50, s", "broker", "centre", "PostgreSQL"], rows)


BLOCKS: Blocks = {
    "explanation/scale.md": {"capacity": capacity, "measured": checked},
}
