"""Unseals passages in several processes, one for each core. Each process gets the next batch when it has answered the last one.

A single batch is unsealed in this process: to start others takes longer.
A process holds its end of one pipe and nothing else of it, so it ends with the process that started it, also after SIGKILL.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mqtt.centre.tracing.core.model import Identifier, SealedPassage, TracedSubject, UnsealedPassage
from mqtt.sealing import MissingKeyError, Unsealer, UnsealError

BATCH_PASSAGES = 1000
NO_PERSON, NO_KEY, DAMAGED = "no-person", "no-key", "damaged"
"""Problems of a passage: a person without a code, a key that is not here, a subject that does not open."""

_Answer = tuple[list[tuple[int, TracedSubject]], list[tuple[int, str]], int]
"""Subjects and problems by place in the batch, and how many could not be unsealed."""


class UnsealingError(Exception):
    """A process that unseals has ended by itself. The machine may be out of memory."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch of passages showed."""

    searched: int
    unsealed: list[UnsealedPassage]
    """All of them, or those of the wanted people only."""
    unreadable: int
    """How many have a subject that could not be unsealed: its key is not here, or it is damaged."""


class UnsealingPool:
    """A context with processes. `wanted`: only people with one of these identifiers are returned. None: all. One thread."""

    def __init__(
        self,
        keys: Collection[X25519PrivateKey],
        *,
        wanted: Collection[Identifier] | None = None,
        processes: int | None = None,
    ) -> None:
        self._raw_keys = [key.private_bytes_raw() for key in keys]
        self._wanted = None if wanted is None else frozenset(wanted)
        self._count = processes if processes is not None else len(os.sched_getaffinity(0))
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def _start(self) -> None:
        context = get_context("spawn")
        for _ in range(self._count):
            own, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, self._raw_keys, self._wanted), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(own)
            self._processes.append(process)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join()

    def unseal(self, lists: Iterable[list[SealedPassage]]) -> Iterator[BatchResult]:
        """The results of each batch, as they come. At most one batch for each process is in memory. Raises UnsealingError."""
        batches = _batches(lists)
        first = list(islice(batches, 2))
        if not self._pipes and len(first) < 2:
            yield from map(self._unseal_here, first)
            return
        if not self._pipes:
            self._start()
        busy: dict[Connection, list[SealedPassage]] = {}
        for batch in chain(first, batches):
            idle = next((pipe for pipe in self._pipes if pipe not in busy), None)
            if idle is None:
                idle = _first_ready(busy)
                yield self._receive(idle, busy.pop(idle))
            self._send(idle, batch)
            busy[idle] = batch
        while busy:
            ready = _first_ready(busy)
            yield self._receive(ready, busy.pop(ready))

    def _unseal_here(self, batch: list[SealedPassage]) -> BatchResult:
        unsealer = Unsealer(X25519PrivateKey.from_private_bytes(raw) for raw in self._raw_keys)
        return _result(batch, _unseal(unsealer, [(one.id.bytes, one.sealed) for one in batch], self._wanted))

    def _send(self, pipe: Connection, batch: list[SealedPassage]) -> None:
        try:
            pipe.send([(one.id.bytes, one.sealed) for one in batch])
        except OSError as error:
            raise UnsealingError("a process that unseals has ended") from error

    def _receive(self, pipe: Connection, batch: list[SealedPassage]) -> BatchResult:
        try:
            return _result(batch, pipe.recv())
        except (EOFError, OSError) as error:
            raise UnsealingError("a process that unseals has ended") from error


def _result(batch: list[SealedPassage], answer: _Answer) -> BatchResult:
    subjects, problems, unreadable = answer
    found = [UnsealedPassage(batch[place], subject) for place, subject in subjects]
    found += [UnsealedPassage(batch[place], None, problem) for place, problem in problems]
    return BatchResult(len(batch), found, unreadable)


def _first_ready(busy: Collection[Connection]) -> Connection:
    found = wait(list(busy))[0]
    assert isinstance(found, Connection)
    return found


def _batches(lists: Iterable[list[SealedPassage]]) -> Iterator[list[SealedPassage]]:
    """Joins and cuts lists, so that each batch is worth its way."""
    rest: list[SealedPassage] = []
    for one in lists:
        rest += one
        while len(rest) >= BATCH_PASSAGES:
            yield rest[:BATCH_PASSAGES]
            rest = rest[BATCH_PASSAGES:]
    if rest:
        yield rest


def _work(pipe: Connection, raw_keys: list[bytes], wanted: frozenset[Identifier] | None) -> None:
    """What each process does until its pipe is closed."""
    unsealer = Unsealer(X25519PrivateKey.from_private_bytes(raw) for raw in raw_keys)
    while True:
        try:
            pipe.send(_unseal(unsealer, pipe.recv(), wanted))
        except (EOFError, OSError, KeyboardInterrupt):
            return


def _unseal(unsealer: Unsealer, batch: list[tuple[bytes, bytes]], wanted: frozenset[Identifier] | None) -> _Answer:
    subjects: list[tuple[int, TracedSubject]] = []
    problems: list[tuple[int, str]] = []
    unreadable = 0
    for place, (event_id, sealed) in enumerate(batch):
        if not sealed:
            problems.append((place, NO_PERSON))
            continue
        try:
            content = unsealer.unseal_event(sealed, event_id)
            if wanted is None or _names(content, wanted):
                subjects.append((place, traced_subject(content)))
        except UnsealError as error:
            unreadable += 1
            problems.append((place, NO_KEY if isinstance(error, MissingKeyError) else DAMAGED))
    return subjects, problems if wanted is None else [], unreadable


def _names(content: dict[str, Any], wanted: frozenset[Identifier]) -> bool:
    """Whether a subject is one of the wanted people. Raises UnsealError for a form that no kiosk writes."""
    try:
        return any((scheme, value) in wanted for scheme, value in content["ids"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnsealError("it contains no subject") from error


def traced_subject(content: dict[str, Any]) -> TracedSubject:
    """The subject of what a seal held. Raises UnsealError for a form that no kiosk writes."""
    try:
        identifiers = tuple((str(scheme), str(value)) for scheme, value in content["ids"])
        return TracedSubject(identifiers, str(content.get("name") or ""), str(content.get("born") or ""))
    except (KeyError, TypeError, ValueError) as error:
        raise UnsealError("it contains no subject") from error
