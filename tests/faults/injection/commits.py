"""The file in which the driven daemon notes each commit and each signal of the lamps, read as it grows."""

from pathlib import Path


class Commits:
    """Each read continues at the end of the one before: the file of a long run has a million lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_bytes = 0
        self._seq_by_id: dict[bytes, int] = {}
        self._lights: list[tuple[int, str]] = []

    def promised(self) -> dict[bytes, int]:
        """Id -> seq of each event that the driver committed."""
        self._read()
        return self._seq_by_id

    def lights(self) -> list[tuple[int, str]]:
        """Number of the newest event and outcome of each signal."""
        self._read()
        return self._lights

    def _read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read_bytes)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for line in whole.decode("ascii").splitlines():
            seq, _, what = line.partition(" ")
            if len(what) == len("00000000-0000-0000-0000-000000000000"):
                self._seq_by_id[bytes.fromhex(what.replace("-", ""))] = int(seq)
            else:
                self._lights.append((int(seq), what))
