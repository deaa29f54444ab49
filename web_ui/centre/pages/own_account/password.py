"""Asking for the own password again, before something that a browser left open must not allow."""

from flask import request

from mqtt.centre.accounts import accounts
from mqtt.centre.ingest.database import open_query
from web_ui.auth.access_control import client_address
from web_ui.centre.access import centre_context, viewer


def is_own_password() -> bool:
    """Whether the field `present` of the form is the viewer's password. Each attempt is counted before it is compared."""
    context, name = centre_context(), viewer().name
    if context.throttle.begin(client_address(), name):
        return False
    with open_query(context.settings.database) as query:
        found = accounts.is_password(query, name, request.form.get("present", ""))
    if found:
        context.throttle.succeed(client_address(), name)
    return found
