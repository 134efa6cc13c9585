"""Samples as prometheus-client wants them; who imports this module pays for importing that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import (
    delete_from_gateway,
    push_to_gateway,
    pushadd_to_gateway,
)
from prometheus_client.registry import Collector

from engine.alerts.samples import Sample


class _Samples(Collector):
    """Samples, collected once."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = tuple(samples)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each name, in the order in which they come."""
        families: dict[str, GaugeMetricFamily] = {}
        for one in self._samples:
            metric = one.metric
            if metric.name not in families:
                families[metric.name] = GaugeMetricFamily(
                    metric.name, metric.help, labels=metric.labels
                )
            families[metric.name].add_metric(one.labels, one.value)
        yield from families.values()


def _registry(samples: Iterable[Sample]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Samples(samples))
    return registry


def text_of(samples: Iterable[Sample]) -> bytes:
    """The text exposition format."""
    return generate_latest(_registry(samples))


def push(
    url: str,
    job: str,
    samples: Iterable[Sample],
    key: dict[str, str],
    *,
    seconds: float,
    add: bool = False,
) -> None:
    """Replace a group at a gateway (PUT), or of it what has new values (POST).

    Raises what urllib raises.
    """
    tell = pushadd_to_gateway if add else push_to_gateway
    tell(url, job, _registry(samples), key, timeout=seconds)


def delete(url: str, job: str, key: dict[str, str], *, seconds: float) -> None:
    """Delete a group at a gateway. Raises what urllib raises."""
    delete_from_gateway(url, job, key, timeout=seconds)
