"""Enrolment of kiosks at the centre: invitations, requests and approvals, certificates of devices, renewal and revocation."""
