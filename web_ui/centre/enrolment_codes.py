"""The QR code of an invitation, and what the audit says about a request. For the commands and for the pages."""

from kiosk.enrolment.invitation_code import InvitationCode, WifiNetwork, encode_invitation
from mqtt.centre.enrolment.invitations import Invitation
from mqtt.centre.enrolment.settings import CentreEnrolmentSettings


def invitation_text(
    settings: CentreEnrolmentSettings, invitation: Invitation, token: bytes, wifi: WifiNetwork | None = None
) -> str:
    """The text of the code. It holds the token: it is shown once, and never stored. Raises InvitationCodeError."""
    code = InvitationCode(
        invitation.site,
        invitation.device,
        settings.url,
        settings.brokers,
        settings.authority_fingerprint,
        token,
        invitation.expires_at.replace(microsecond=0),
        wifi,
    )
    return encode_invitation(code)


def about_request(found: Invitation) -> str:
    """Device, board and key of a request, for the audit."""
    return f"{found.wire_name} board {found.hardware_serial or '-'} key {found.key_hash[:16]} from {found.address}"
