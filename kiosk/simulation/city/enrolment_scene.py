"""The seventh gate enrols: a code is made, held in front of its camera, its words are compared, and it is approved."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from kiosk.credentials.issuing.qr_images import make_qr_code, write_png
from kiosk.enrolment.invitation_code import InvitationCode, encode_invitation
from kiosk.simulation.city.first_rows import WHO
from kiosk.simulation.city.gate_process import CityGate
from kiosk.simulation.city.shown_code import ShownCode
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.invitations import Invitation, InvitationState
from mqtt.centre.enrolment.key_words import same_words
from mqtt.centre.enrolment.settings import read_settings
from mqtt.centre.ingest.database import open_query

REASON = "the seventh gate of the demo"


class SceneStage(StrEnum):
    """How far it is. Messages `demo.city.stage.STAGE` of the catalogues."""

    WAITING = "waiting"
    SHOWN = "shown"
    WORDS = "words"
    APPROVED = "approved"
    DONE = "done"


class EnrolmentScene:
    """One thread calls `step`."""

    def __init__(
        self,
        database: str,
        gate: CityGate,
        camera: ShownCode,
        picture: Path,
        *,
        pause_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`picture`: where the QR code is written. `pause_s`: how long people can look at a stage before the next one begins."""
        self.stage = SceneStage.WAITING
        self.picture = picture
        self._database = database
        self._gate = gate
        self._camera = camera
        self._pause_s = pause_s
        self._clock = clock
        self._since_s = clock()
        self._number = 0

    @property
    def words(self) -> dict[str, str]:
        """The words on the page of the gate, by language. Empty: it has read no code."""
        found = (self._gate.status().get("enrolment") or {}).get("words", {})
        return {str(language): str(words) for language, words in found.items()}

    def step(self) -> None:
        """Do what is due. Raises LedgerError."""
        if self._clock() - self._since_s < self._pause_s:
            return
        status = self._gate.status()
        if self.stage is SceneStage.WAITING and status.get("state") == "not-enrolled":
            self._show_code()
        elif self.stage is SceneStage.SHOWN and self._find().state is InvitationState.WAITING and self.words:
            self._enter(SceneStage.WORDS)
        elif self.stage is SceneStage.WORDS:
            self._approve()
        elif self.stage is SceneStage.APPROVED and status.get("site") == self._gate.place.site:
            self._camera.let_people_in()
            self._enter(SceneStage.DONE)

    def _enter(self, stage: SceneStage) -> None:
        self.stage, self._since_s = stage, self._clock()

    def _show_code(self) -> None:
        place, now = self._gate.place, datetime.now(UTC)
        with open_query(self._database) as query:
            append_audit(query, CentreAuditEntry(WHO, "invite-kiosk", place.wire_name, REASON), now)
            settings = read_settings(query)
            made, token = invitations.create_invitation(query, place.site, place.device, "demo", now)
        code = InvitationCode(
            place.site, place.device, settings.url, settings.brokers, settings.authority_fingerprint, token,
            made.expires_at.replace(microsecond=0),
        )  # fmt: skip
        text = encode_invitation(code)
        self._number = made.number
        write_png(make_qr_code(text), self.picture)
        self._camera.hold(text.encode())
        self._enter(SceneStage.SHOWN)

    def _approve(self) -> None:
        """As a person at the centre does, who types the words of the gate."""
        found = self._find()
        if not any(same_words(words, found.public_key_der) for words in self.words.values()):
            return
        now = datetime.now(UTC)
        with open_query(self._database) as query:
            append_audit(query, CentreAuditEntry(WHO, "approve-enrolment", self._gate.place.wire_name, REASON), now)
            invitations.decide(query, self._number, approve=True, by=WHO, now=now)
        self._enter(SceneStage.APPROVED)

    def _find(self) -> Invitation:
        with open_query(self._database) as query:
            found = invitations.find_invitation(query, self._number)
        assert found is not None
        return found
