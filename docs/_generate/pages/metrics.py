"""Makes the table of Prometheus metrics from their declarations."""

from docs._generate.blocks import Blocks, table
from web_ui.kiosk.api.metrics import METRICS, PREFIX


def metrics() -> str:
    """One row for each metric, in the order in which they are published."""
    return table(("metric", "kind", "meaning"), ((f"`{PREFIX}{each.name}`", each.kind, each.help) for each in METRICS))


BLOCKS: Blocks = {"reference/metrics.md": {"metrics": metrics}}
