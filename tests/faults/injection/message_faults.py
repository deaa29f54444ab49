"""Faults of messages: old and foreign receipts, retained nonsense, events that the centre or the network cannot bear."""

from collections.abc import Callable, Mapping
from functools import partial

from mqtt import events
from mqtt.connection import BrokerConnectionError, OutgoingMessage
from tests.fakes.processes.broker import Listener, publish
from tests.faults.injection.environment import DEVICE, SITE, FaultEnvironment

PREFIX = f"entrance/v1/{SITE}/{DEVICE}"
RETAINED_TOPICS = ("event", "receipt", "state", "health", "receipt")
CENTRE_TOPICS = ("entrance/v1/centre/state", "entrance/v1/centre/backlog-rate")
NONSENSE = (b"\x00nonsense", b"{}", b"[]", b'{"epoch":"' + b"a" * 500, b"null", b'{"state":"ready"}', b"\xff" * 3000)


def message_faults(environment: FaultEnvironment) -> Mapping[str, Callable[[], None]]:
    """Name of each fault -> function that injects it."""
    one = _MessageFaults(environment)
    return {
        "receipts doubled, reordered": one.old_receipts,
        "retained poison messages": one.retained_poison,
        "record refused": partial(environment.tell_device, "refused"),
        "record cuts": partial(environment.tell_device, "cutting"),
    }


class _MessageFaults:
    def __init__(self, environment: FaultEnvironment) -> None:
        self._environment = environment
        self._rng = environment.rng
        self._receipts: list[bytes] = []
        self._events: list[bytes] = []

    def old_receipts(self) -> None:
        """Send old receipts again, duplicated and reordered, and receipts of another epoch or invalid ones."""
        self._listen()
        messages = self._rng.choices(self._receipts, k=10) if self._receipts else []
        messages += [events.receipt_payload("ffffffffffffffff", 10**6), b"\x00nonsense", b'{"epoch":"' + b"a" * 500]
        for payload in self._rng.sample(messages, k=len(messages)):
            self._publish(f"{PREFIX}/receipt", payload, retain=False)

    def retained_poison(self) -> None:
        """The broker gives them to each new subscriber, until they are deleted or the broker is killed."""
        self._listen()
        topics = [*(f"{PREFIX}/{name}" for name in RETAINED_TOPICS), *CENTRE_TOPICS]
        for topic in topics:
            known = {"event": self._events, "receipt": self._receipts}.get(topic.rpartition("/")[2], [])
            self._publish(topic, self._rng.choice([*NONSENSE, *known[-20:]]), retain=True)
        self._environment.wait(self._rng.uniform(0, 2.0))
        if self._rng.random() < 0.5:
            for topic in topics:
                self._publish(topic, b"", retain=True)

    def _listen(self) -> None:
        try:
            listener = Listener(
                self._environment.broker.endpoint(), f"{PREFIX}/receipt", f"{PREFIX}/event", name="eavesdropper"
            )
            self._environment.pause.wait(0.3)
            listener.look(0.1)
            self._receipts = [*self._receipts, *listener.payloads(f"{PREFIX}/receipt")][-50:]
            self._events = [*self._events, *listener.payloads(f"{PREFIX}/event")][-50:]
            listener.close()
        except (BrokerConnectionError, AssertionError):
            self._environment.notes["message unheard"] += 1

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        try:
            publish(
                self._environment.broker.endpoint(), OutgoingMessage(topic, payload, retain=retain), name="mischief"
            )
        except BrokerConnectionError:
            self._environment.notes["message unheard"] += 1
