"""nbxmpp's module for ad-hoc commands: Romeo is an admin of the domain, Juliet is not."""

import sys

from nbxmpp.const import AdHocAction, AdHocNoteType, AdHocStatus
from nbxmpp.modules.dataforms import extend_form
from nbxmpp.protocol import JID
from nbxmpp.structs import AdHocCommand
from nbxmpp_guest import Guest, asked, done, refused, run

domain, password, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
server = JID.from_string(domain)
ADMIN = "http://jabber.org/protocol/admin"
COMMANDS = "http://jabber.org/protocol/commands"


def guest(name, secret=password):
    return Guest(f"{name}@{domain}/nbxmpp", secret, port)


def command(name):
    return AdHocCommand(jid=server, node=f"{ADMIN}#{name}", name=None)


def execute(client, *args, **kwargs):
    return asked(client.module("AdHoc").execute_command, *args, **kwargs)


def refuse(client, *args, **kwargs):
    return refused(client.module("AdHoc").execute_command, *args, **kwargs)


def filled(stage, **values):
    """The form of a stage as Gajim sends it back: labels and what is empty are left out."""
    form = extend_form(stage.data)
    for name, value in values.items():
        field = form[name.replace("_", "-")]
        if hasattr(field, "values"):
            field.values = value
        else:
            field.value = value
    assert form.is_valid(), form
    form.type_ = "submit"
    return form.get_purged()


def result(step):
    assert step.is_completed and step.data.getAttr("type") == "result", step
    return extend_form(step.data)


async def main():
    romeo, juliet = [await guest(name).enter() for name in ("romeo", "juliet")]
    listed = await asked(romeo.module("AdHoc").request_command_list, server)
    names = {each.node: each.name for each in listed}
    assert {JID.from_string(each.jid) for each in listed} == {server}, listed
    wanted = ("add-user", "get-registered-users-num", "user-stats", "end-user-session", "announce")
    assert all(names.get(f"{ADMIN}#{name}") for name in wanted), names
    assert await asked(juliet.module("AdHoc").request_command_list, server) == []
    for client in (romeo, juliet):
        assert (await asked(client.module("Discovery").disco_info, server)).supports(COMMANDS)
    info = await asked(romeo.module("Discovery").disco_info, server, node=f"{ADMIN}#add-user")
    assert [(each.category, each.type) for each in info.identities] == [("automation", "command-node")], info
    assert await refused(juliet.module("Discovery").disco_info, server, node=f"{ADMIN}#add-user") == "forbidden"
    done("listed, for the admin")

    counting = next(each for each in listed if each.node == f"{ADMIN}#get-registered-users-num")
    assert result(await execute(romeo, counting))["registeredusersnum"].value == "2"
    assert await refuse(juliet, counting) == "forbidden"
    assert await refuse(romeo, command("get-user-password")) == "item-not-found"
    done("counted at once")

    stage = await execute(romeo, command("user-stats"))
    told = result(await execute(romeo, stage, stage.default, filled(stage, accountjid=str(juliet.address.bare))))
    assert (told["onlineresources"].value, told["ipaddresses"].value) == ("nbxmpp", "127.0.0.1"), told
    done("told of an account")

    stage = await execute(romeo, command("add-user"))
    assert (stage.status, stage.default) == (AdHocStatus.EXECUTING, AdHocAction.COMPLETE), stage
    assert stage.actions == {AdHocAction.COMPLETE, AdHocAction.CANCEL} and stage.sessionid, stage
    form = extend_form(stage.data)
    fields = {each.var: (each.type_, each.required) for each in form.iter_fields()}
    secret = ("text-private", True)
    assert fields == {
        "FORM_TYPE": ("hidden", False),
        "accountjid": ("jid-single", True),
        "password": secret,
        "password-verify": secret,
    }, fields
    assert form.title and form.instructions, form
    new = {"accountjid": f"benvolio@{domain}", "password": "peace", "password_verify": "peace"}
    for wrong in ({"password_verify": "war"}, {"accountjid": "benvolio@mantua.test"}):
        assert await refuse(romeo, stage, stage.default, filled(stage, **(new | wrong))) == "bad-request"
    assert await refuse(romeo, stage, AdHocAction.PREV) == "bad-request"
    assert await refuse(juliet, stage, stage.default, filled(stage, **new)) == "forbidden"
    added = await execute(romeo, stage, stage.default, filled(stage, **new))
    assert added.is_completed and added.sessionid == stage.sessionid, added
    assert await refuse(romeo, stage, stage.default, filled(stage, **new)) == "not-allowed"
    benvolio = await guest("benvolio", "peace").enter()
    assert result(await execute(romeo, counting))["registeredusersnum"].value == "3"
    done("added, after mistakes")

    stage = await execute(romeo, command("delete-user"))
    canceled = await execute(romeo, stage, AdHocAction.CANCEL)
    assert canceled.is_canceled and canceled.sessionid == stage.sessionid and canceled.data is None, canceled
    answers = filled(stage, accountjids=[str(benvolio.address.bare)])
    assert await refuse(romeo, stage, stage.default, answers) == "not-allowed"
    assert result(await execute(romeo, counting))["registeredusersnum"].value == "3"
    done("canceled")

    stage = await execute(romeo, command("delete-user"))
    deleted = await execute(romeo, stage, AdHocAction.EXECUTE, answers)
    assert deleted.is_completed and [each.type for each in deleted.notes] == [AdHocNoteType.INFO], deleted
    await benvolio.offline
    assert result(await execute(romeo, counting))["registeredusersnum"].value == "2"
    done("deleted")
    for each in (romeo, juliet):
        await each.leave()


run(main())
