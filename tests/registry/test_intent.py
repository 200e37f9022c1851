"""The file of an intent: what was written is read again, and what is wrong with one is said, with what to do."""

import json
from dataclasses import replace

import pytest

from sim.intents import cluster, edited, with_trio, with_vip
from understudy.errors import BadInput
from understudy.model.names import ServerName
from understudy.registry.intent import decode, encode

TRIO = with_vip(with_trio(cluster("ctr1", "ctr2", "ctr3")), "vip")


@pytest.mark.parametrize("indent", [0, 2])
def test_what_was_written_is_read_again(indent: int) -> None:
    """On one line or on many; the text says what it is."""
    intent = replace(TRIO, registry_on=ServerName("ctr3"))

    text = encode(intent, indent=indent)

    assert decode(text) == intent
    assert (text.count("\n") == 0) is (indent == 0)
    assert (json.loads(text)["what"], json.loads(text)["format"]) == ("understudy intent", 1)


def test_a_file_may_leave_out_what_only_makes_the_answer_better() -> None:
    """Where things ran, and how long they took to start."""
    found = json.loads(encode(TRIO))
    for name in ("runs_on", "start_s", "registry_on"):
        del found[name]

    assert decode(json.dumps(found)) == replace(TRIO, runs_on={}, start_s={})


SERVICE = ("records", "resource/service")


@pytest.mark.parametrize(
    ("path", "to", "said"),
    [
        (("what",), "something else", "it calls itself 'something else', not 'understudy intent'; understudy cluster export > FILE makes"),
        (("format",), 2, "the file has format 2, this version reads 1: use a newer Understudy here"),
        (("format",), 0, "the file has format 0, this version reads 1: export it again"),
        (("servers",), None, "Object missing required field `servers`; understudy cluster export > FILE makes such a file"),
        (("servers",), [], "servers is empty: name the servers of the cluster"),
        (("servers",), ["ctr1", "ctr2"], "ctr3 is named as a voter but not among servers: add it there"),
        (("registry_on",), "ctr9", "ctr9 is named as registry_on but not among servers: add it there"),
        (("runs_on", "service"), "ctr9", "ctr9 is named as runs_on but not among servers: add it there"),
        (("runs_on", "nothing"), "ctr1", "runs_on names nothing, which has no record 'resource/nothing': leave it out, or add that"),
        (("start_s", "service"), -1, "start_s of service is -1: write seconds, 0 or more"),
        (("start_s", "service"), "soon", "Expected `float`, got `str` - at `$.start_s[...]`"),
        (("records", "cluster"), None, "there is no record 'cluster', which names the voters"),
        (("records", "cluster", "voters"), ["ctr1", "ctr2"], "the voters are ctr1, ctr2: there must be 1, 3 or 5 different ones"),
        (("records", "cluster", "pause_tolerance"), 0, "pause_tolerance is 0; it is 0.25 to 60 seconds"),
        (("records", "leader"), {"v": 1, "server": "a", "incarnation": "b", "term": 1}, "record 'leader' is no intent: leave it out"),
        (("records", "resources/x"), {"v": 1}, "no record belongs at registry key 'resources/x'"),
        ((*SERVICE, "v"), 9, "written in format 9 by a newer Understudy"),
        ((*SERVICE, "type"), None, "registry key 'resource/service': this is no Definition: Object missing required field `type`"),
        ((*SERVICE, "name"), "other", "record 'resource/service' calls itself 'other': write the same name in both places"),
        ((*SERVICE, "attributes", "COLOUR"), "red", "resource service: The attribute 'COLOUR' is not supported"),
        ((*SERVICE, "attributes", "SERVER_POOLS"), "none", "resource service: "),
        ((*SERVICE, "attributes", "START_DEPENDENCIES"), "hard(", "resource service: "),
        (("records", "resource/address", "attributes", "START_DEPENDENCIES"), "hard(service)", "ircular dependency"),
        (("records", "type/app.appvip_net1.type"), None, "resource vip: Could not find resource type 'app.appvip_net1.type'"),
        (("records", "pool/pair", "parent_pools"), ["pair"], "server pool pair: "),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(path: tuple[str, ...], to: object, said: str) -> None:
    """One place of a valid file is made invalid."""
    with pytest.raises(BadInput) as refused:
        decode(edited(TRIO, *path, to=to))

    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["", "servers", "[]", b"\xff\xfe", "{"])
def test_what_is_no_such_file_is_called_so(text: str | bytes) -> None:
    """Whatever it is."""
    with pytest.raises(BadInput, match=r"^this is no exported intent: .*; understudy cluster export > FILE makes such a file$"):
        decode(text)
