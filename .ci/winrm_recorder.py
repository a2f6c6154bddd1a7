"""Loaded into the laboratory (`--handlers`): writes down each request, as the host understood it."""

import json
import os

from winrmlab import wsman

_dispatch = wsman.WsMan._dispatch


async def dispatch(self, req, user, info):
    action = req.action.rsplit("/", 1)[-1]
    texts = [("wql" if element.tag.endswith("}Filter") else "cmd", element.text or "")
             for element in req.body.iter() if element.tag.endswith(("}Filter", "}Command"))]
    with open(os.environ["LAB_RECORD"], "a", encoding="utf-8") as file:
        for entry in texts or [(action, req.resource_uri)]:
            file.write(json.dumps(entry) + "\n")
    return await _dispatch(self, req, user, info)


wsman.WsMan._dispatch = dispatch
