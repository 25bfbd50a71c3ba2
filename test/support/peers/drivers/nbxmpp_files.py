"""nbxmpp's module for files at a service, and its HTTP that carries them."""

import sys

from nbxmpp.errors import HTTPUploadStanzaError
from nbxmpp.http import HTTPSession
from nbxmpp.protocol import JID
from nbxmpp_guest import Guest, Later, asked, done, refused, run

domain, password, port, largest = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
NAME = "Grüße & mehr (1).png"
TYPE = "image/png"
session = HTTPSession()


async def http(method, uri, body=None, headers=None):
    """Status, type and bytes of the answer."""
    request = session.create_request()
    if body is not None:
        request.set_request_body(TYPE, body)
    for name, value in (headers or {}).items():
        request.get_request_headers().append(name, value)
    later = Later()

    def finished(it):
        kind = it.get_response_headers().get_content_type()[0]
        later.resolve((int(it.get_status()), kind, it.get_data(), it.is_complete()))

    request.send(method, uri, callback=finished)
    status, kind, data, complete = await later
    assert complete == (status in (200, 201)), (status, complete)
    return status, kind, data


async def find(client):
    discovery = client.module("Discovery")
    for item in (await asked(discovery.disco_items, JID.from_string(domain))).items:
        info = await asked(discovery.disco_info, JID.from_string(item.jid))
        if info.has_httpupload:
            return JID.from_string(item.jid), info
    raise AssertionError("there is no service for files")


async def main():
    romeo = await Guest(f"romeo@{domain}/nbxmpp", password, port).enter()
    service, info = await find(romeo)
    assert info.httpupload_max_file_size == largest, info
    done("found")

    request = romeo.module("HTTPUpload").request_slot
    content = (bytes(range(256)) * (largest // 256 + 1))[:largest]
    for number, body in enumerate((content, b"x", bytes(1000))):
        slot = await asked(request, service, f"{number} {NAME}", len(body), TYPE)
        assert slot.put_uri != slot.get_uri, slot
        assert (await http("GET", slot.get_uri))[0] == 404
        assert (await http("PUT", slot.put_uri, body, slot.headers))[0] == 201
        assert await http("GET", slot.get_uri) == (200, TYPE, body)
        assert (await http("PUT", slot.put_uri, b"y" * len(body), slot.headers))[0] == 409
        assert await http("GET", slot.get_uri) == (200, TYPE, body)
    done("uploaded, and got")

    slot = await asked(request, service, NAME, 10, TYPE)
    for size, status in ((11, 413), (9, 400)):
        assert (await http("PUT", slot.put_uri, bytes(size), slot.headers))[0] == status
    assert (await http("GET", slot.get_uri))[0] == 404
    done("neither more nor less than was said")

    try:
        slot = await asked(request, service, NAME, largest + 1, TYPE)
        raise AssertionError(slot)
    except HTTPUploadStanzaError as error:
        assert (error.condition, error.app_condition) == ("not-acceptable", "file-too-large"), error
        assert error.get_max_file_size() == largest and str(largest) in error.get_text("en"), error
    assert await refused(request, service, "../secret", 10, TYPE) == "not-acceptable"
    assert await refused(request, service, NAME, "many", TYPE) == "bad-request"
    done("refused what is too large, and what is no file")
    await romeo.leave()


run(main())
