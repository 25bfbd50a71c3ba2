"""slixmpp's plugin for files at a service: finds it, uploads, and gets what it uploaded; a line for each thing that worked."""

import asyncio
import io
import sys
import traceback
import urllib.request

import slixmpp
from slixmpp.plugins.xep_0363.http_upload import FileTooBig

domain, port = sys.argv[1:]


class Sender(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(f"romeo@{domain}/slixmpp", "secret")
        for plugin in ("xep_0030", "xep_0363"):
            self.register_plugin(plugin)
        self.online = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", lambda _: self.online.set_result(True))
        self.enable_starttls = False
        self.enable_plaintext = True
        self["feature_mechanisms"].unencrypted_plain = True


def done(what):
    print("DONE", what, flush=True)


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.headers, answer.read()


async def main():
    sender = Sender()
    sender.connect(("127.0.0.1", int(port)), disable_starttls=True, force_starttls=False)
    await sender.online
    done("online")
    files = sender["xep_0363"]
    # What find_upload_service does, which this version of slixmpp cannot with this version of Python.
    items = await sender["xep_0030"].get_items(jid=domain)
    for address, _, _ in items["disco_items"]["items"]:
        info = await sender["xep_0030"].get_info(jid=address)
        if "urn:xmpp:http:upload:0" in info["disco_info"]["features"]:
            files.upload_service = slixmpp.JID(address)
            files.max_file_size = int(info["disco_info"]["form"].get_values()["max-file-size"])
    assert files.upload_service == f"upload.{domain}", items
    done("found")
    content = bytes(range(256)) * 400
    url = await files.upload_file("Grüße & mehr.png", input_file=io.BytesIO(content), size=len(content),
                                  content_type="image/png")
    done("uploaded")
    headers, body = await asyncio.get_event_loop().run_in_executor(None, get, url)
    assert body == content
    assert headers["content-type"] == "image/png", headers
    done("downloaded")
    try:
        await files.upload_file("large", input_file=io.BytesIO(b""), size=10**9)
        print("FAILED: too large, and taken")
    except FileTooBig:
        done("too large")
    done("all")


try:
    asyncio.get_event_loop().run_until_complete(main())
except Exception:
    print("FAILED", traceback.format_exc(), flush=True)
