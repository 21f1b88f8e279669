"""The message broker: what is refused without one, and, where TEST_BROKER_URL names a real one, what it takes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from gateways.broker import CALLBACKS, EXCHANGE, Broker, BrokerNotSetUp, BrokerSilent, MessageUnwanted

URL = os.environ.get("TEST_BROKER_URL", "")
needs_broker = pytest.mark.skipif(not URL, reason="TEST_BROKER_URL names no broker to try this on")


def test_without_a_broker_nothing_is_sent_and_it_says_which_setting_is_missing() -> None:
    with pytest.raises(BrokerNotSetUp, match="BROKER_URL"):
        Broker().publish("orders.placed", b"{}", "run:node:1:1")


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pika.exceptions", None)
    with pytest.raises(BrokerNotSetUp, match="requirements-broker"):
        Broker("amqp://127.0.0.1:1/").publish("orders.placed", b"{}", "run:node:1:1")


@pytest.fixture
def channel() -> Iterator[Any]:
    """A channel of whoever listens."""
    pika = pytest.importorskip("pika")
    connection = pika.BlockingConnection(pika.URLParameters(URL))
    yield connection.channel()
    connection.close()


@needs_broker
def test_a_message_arrives_where_its_topic_is_bound(channel: Any) -> None:
    topic, queue = f"of-a-test.{uuid4().hex}", channel.queue_declare("", exclusive=True).method.queue
    with pytest.raises(MessageUnwanted):
        Broker(URL).publish(topic, b"{}", "run:node:1:1")
    channel.queue_bind(queue, EXCHANGE, "of-a-test.*")
    Broker(URL).publish(topic, b'{"n": 1}', "run:node:1:1")
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    assert (method.routing_key, properties.message_id, body) == (topic, "run:node:1:1", b'{"n": 1}')
    assert properties.delivery_mode == 2  # kept on disk


@needs_broker
def test_a_broker_that_is_away_may_be_back_later(channel: Any) -> None:
    with pytest.raises(BrokerSilent):
        Broker("amqp://guest:guest@127.0.0.1:1/").publish("orders.placed", b"{}", "run:node:1:1")


@needs_broker
def test_an_answer_is_given_up_only_when_it_was_taken(channel: Any) -> None:
    broker = Broker(URL)
    taken: list[bytes] = []
    broker.take(taken.append, 0.1)  # whatever an earlier test left
    taken.clear()
    broker.publish(CALLBACKS, b"one", "a")

    def fails(body: bytes) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        broker.take(fails, 5)
    assert broker.take(taken.append, 1) == 1
    assert (taken, broker.take(taken.append, 0.1)) == ([b"one"], 0)
