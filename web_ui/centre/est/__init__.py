"""The enrolment service of the centre: EST (RFC 7030) over TLS, and the bundle for enrolled kiosks."""
