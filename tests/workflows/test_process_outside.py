"""Processes that call other systems, on real sockets: signed, bounded, never into our own network, answered once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from activities.process_callback import CallbackDesk
from gateways.broker import Broker
from gateways.webhook import AddressNotAllowed, CallRefused, NoAnswer, SecretUnknown, Webhooks
from rules.process import Edge, EdgeType, Node, Process
from storage import process_callback, process_incident
from storage.process_callback import CallbackIsUsed
from tests.workflows.process_hall import PARTNER_SECRET, Hall
from tests.workflows.process_play import Play
from tests.workflows.process_play import play as play


class Partner(ThreadingHTTPServer):
    """Another system: keeps what it was sent and answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/work"


class _Handler(BaseHTTPRequestHandler):
    server: Partner

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status, content, headers = self.server.answers.pop(0) if self.server.answers else (200, b"", {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is written to the tests' output."""


@pytest.fixture
def partner() -> Iterator[Partner]:
    with Partner() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def send(url: str, *, private: bool = True, name: str = "partner") -> Any:
    hooks = Webhooks({"partner": PARTNER_SECRET}, private)
    return hooks.send(url, '{"a":1}', name, "run:node:1:1", datetime.now(UTC))


def test_a_call_is_signed_so_that_the_other_system_can_tell_who_sent_it(partner: Partner) -> None:
    assert send(partner.url).status == 200
    [(headers, body)] = partner.got
    assert Webhook(PARTNER_SECRET).verify(body, headers) == {"a": 1}
    assert headers["webhook-id"] == "run:node:1:1"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://10.0.0.1/", "https://0.0.0.0/",
        "https://169.254.169.254/latest/meta-data/", "https://192.168.1.1/", "https://[fe80::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[2002:7f00:1::]/", "https://2130706433/", "https://0x7f.1/",
        "https://[fd00::1]/", "https://100.64.0.1/", "https://224.0.0.1/",
        "http://93.184.215.14/", "ftp://93.184.215.14/", "https://a:b@93.184.215.14/", "https://", "nonsense",
        "https://93.184.215.14:99999/",
    ],
)  # fmt: skip
def test_nothing_leads_into_our_own_network(url: str) -> None:
    with pytest.raises(AddressNotAllowed):
        send(url, private=False)


def test_a_redirect_is_not_followed(partner: Partner) -> None:
    partner.answers.append((302, b"", {"location": partner.url}))
    with pytest.raises(CallRefused, match="302"):
        send(partner.url)
    assert len(partner.got) == 1


@pytest.mark.parametrize(
    ("status", "raised"),
    [(400, CallRefused), (404, CallRefused), (429, NoAnswer), (500, NoAnswer), (503, NoAnswer)],
)
def test_what_may_go_well_later_is_told_from_what_will_not(
    partner: Partner, status: int, raised: type[Exception]
) -> None:
    partner.answers.append((status, b"", {}))
    with pytest.raises(raised):
        send(partner.url)


def test_an_answer_without_an_end_is_none(partner: Partner) -> None:
    partner.answers.append((200, b"x" * 300_000, {}))
    with pytest.raises(NoAnswer):
        send(partner.url)


def test_a_secret_that_nobody_set_up_is_refused_before_the_call(partner: Partner) -> None:
    with pytest.raises(SecretUnknown):
        send(partner.url, name="other")
    assert partner.got == []


def calling(partner: Partner, kind: str, **config: Any) -> Process:
    """One call, past the checks: they want https and a public name."""
    node = Node("call", kind, config={"url": partner.url, "secret_name": "partner", **config})
    edges = (Edge(None, "call", EdgeType.START), Edge("call", "end"))
    return Process(f"call-{partner.server_address[1]}", nodes=(node, Node("end", "end")), edges=edges)


async def called(hall: Hall, process: Process) -> UUID:
    hall.put_in_force(process)
    return await hall.start(process.key)


def test_a_webhook_gives_out_what_was_answered(play: Play, partner: Partner) -> None:
    partner.answers += [(503, b"", {}), (200, b'{"stock": 7}', {})]

    async def journey(hall: Hall) -> None:
        run_id = await called(hall, calling(partner, "webhook", body={"n": 1}))
        await hall.result(run_id)
        step = next(row for row in hall.steps(run_id) if row.node == "call")
        assert step.output == {"status": 200, "body": {"stock": 7}}
        assert len({headers["webhook-id"] for headers, _ in partner.got}) == 1

    play(journey)


def test_a_callback_completes_its_node_once(play: Play, partner: Partner) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await called(hall, calling(partner, "call_external", body={"n": 1}, deadline="2 d"))
        await hall.until_step(run_id, "call", "running")
        await hall.until(run_id, lambda run: bool(partner.got))
        sent = json.loads(partner.got[0][1])
        token = sent["callback"]["token"]
        assert (sent["n"], sent["callback"]["url"][-len(token) :]) == (1, token)
        with hall.sessions.begin() as session:
            process_callback.use(session, token, {"sum": "9.50"}, "")
        await hall.carry()
        assert (await hall.result(run_id)).result == "completed"
        assert next(row for row in hall.steps(run_id) if row.node == "call").output == {"sum": "9.50"}
        with pytest.raises(CallbackIsUsed), hall.sessions.begin() as session:
            process_callback.use(session, token, {"sum": "0.00"}, "")

    play(journey)


def test_a_callback_that_reports_a_failure_makes_an_incident_and_a_new_try_a_new_token(
    play: Play, partner: Partner
) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await called(hall, calling(partner, "call_external", deadline="2 d"))
        await hall.until(run_id, lambda run: len(partner.got) == 1)
        tokens = [json.loads(partner.got[0][1])["callback"]["token"]]
        with hall.sessions.begin() as session:
            process_callback.use(session, tokens[0], {}, "the scanner is out of paper")
        await hall.carry()
        parked = await hall.until_step(run_id, "call", "incident")
        assert parked.error == "the scanner is out of paper"
        with hall.sessions.begin() as session:
            process_incident.operate(session, run_id, "call", hall.company.elena.id, "retry")
        await hall.carry()
        await hall.until(run_id, lambda run: len(partner.got) == 2)
        tokens.append(json.loads(partner.got[1][1])["callback"]["token"])
        assert tokens[0] != tokens[1]
        with hall.sessions.begin() as session:
            process_callback.use(session, tokens[1], {"pages": 3}, "")
        await hall.carry()
        assert (await hall.result(run_id)).result == "completed"

    play(journey)


def test_a_message_with_the_token_completes_its_node_like_a_call_does(
    play: Play, partner: Partner, caplog: pytest.LogCaptureFixture
) -> None:
    async def journey(hall: Hall) -> None:
        desk = CallbackDesk(hall.sessions, Broker())
        run_id = await called(hall, calling(partner, "call_external", deadline="2 d"))
        await hall.until(run_id, lambda run: bool(partner.got))
        token = json.loads(partner.got[0][1])["callback"]["token"]
        for nonsense in (b"{", b"[]", b'{"token": 1}', b'{"token": "unknown"}', b'{"tokens": "x"}'):
            desk.handle(nonsense)
        desk.handle(json.dumps({"token": token, "output": {"pages": 3}}).encode())
        await hall.carry()
        assert (await hall.result(run_id)).result == "completed"
        assert next(row for row in hall.steps(run_id) if row.node == "call").output == {"pages": 3}
        desk.handle(json.dumps({"token": token}).encode())

    play(journey)
    assert caplog.text.count("changed nothing") == 6


def test_nobody_who_calls_back_in_time_is_a_failure(play: Play, partner: Partner) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await called(hall, calling(partner, "call_external", deadline="2 d"))
        await hall.until(run_id, lambda run: bool(partner.got))
        await hall.pass_time(run_id, timedelta(days=2, minutes=1))
        parked = await hall.until_step(run_id, "call", "incident")
        assert parked.error == "nobody answered in time"
        token = json.loads(partner.got[0][1])["callback"]["token"]
        with pytest.raises(CallbackIsUsed), hall.sessions.begin() as session:
            process_callback.use(session, token, {}, "")

    play(journey)


def test_a_message_without_a_broker_parks_its_node_and_says_what_is_missing(
    play: Play, partner: Partner
) -> None:
    async def journey(hall: Hall) -> None:
        nodes = (Node("tell", "send_message", config={"topic": "orders.placed"}), Node("end", "end"))
        edges = (Edge(None, "tell", EdgeType.START), Edge("tell", "end"))
        run_id = await called(hall, Process(f"tell-{partner.server_address[1]}", nodes=nodes, edges=edges))
        parked = await hall.until_step(run_id, "tell", "incident")
        assert parked.error == "No message broker is set up here: BROKER_URL is not given."

    play(journey)
