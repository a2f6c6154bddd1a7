"""Loaded into the laboratory (`--handlers`): a host that takes NTLM inside SPNEGO and not bare."""

import base64

from winrmlab import server

_authenticate = server.Conn.authenticate


def authenticate(self, value):
    scheme, _, token = value.partition(" ")
    if scheme.lower() == "negotiate" and base64.b64decode(token).startswith(b"NTLMSSP\0"):
        return "fail", None
    return _authenticate(self, value)


server.Conn.authenticate = authenticate
