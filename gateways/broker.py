"""The message broker: publishes and takes over AMQP 0.9.1, as RabbitMQ speaks it. An extra: without BROKER_URL it is off.

Messages go to one durable topic exchange; whoever wants them binds a queue of their own to it, by topic.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from rules.errors import BusinessError

EXCHANGE: Final = "vistobueno"
#: The topic, and the queue, by which other systems complete the work that they were given.
CALLBACKS: Final = "vistobueno.callbacks"
PATIENCE_SECONDS: Final = 10.0


class BrokerNotSetUp(BusinessError):
    """This installation has no message broker, or lacks the client that speaks to it."""


class MessageUnwanted(BusinessError):
    """No queue is bound for the topic, so the message would be lost."""


class BrokerSilent(Exception):
    """The broker could not be reached or did not confirm; the same message may go well later."""


@dataclass(frozen=True)
class Broker:
    """Publishes messages, and takes the answers of other systems.

    Attributes:
        url: amqp:// or amqps://; None where the company has no broker.
    """

    url: str | None = field(default=None, repr=False)

    def publish(self, topic: str, body: bytes, message_id: str) -> None:
        """One persistent message, confirmed by the broker.

        Args:
            topic: the routing key.
            body: JSON.
            message_id: the same at each repeat, so that whoever reads it can tell one.

        Raises:
            BrokerNotSetUp, MessageUnwanted: it would be the same at the next attempt.
            BrokerSilent.
        """
        pika = self._client()
        properties = pika.BasicProperties(
            content_type="application/json", delivery_mode=2, message_id=message_id
        )
        with self._channel(pika) as channel:
            channel.confirm_delivery()
            try:
                channel.basic_publish(EXCHANGE, topic, body, properties, mandatory=True)
            except pika.exceptions.UnroutableError:
                raise MessageUnwanted(
                    f"Nobody takes messages about {topic!r}: no queue is bound.", "topic"
                ) from None

    def take(self, handle: Callable[[bytes], None], seconds: float) -> int:
        """Hand messages of `CALLBACKS` over for so long; one is given up only when `handle` has returned.

        Returns:
            How many came.

        Raises:
            BrokerNotSetUp, BrokerSilent, and whatever `handle` raises: that message comes again.
        """
        pika = self._client()
        ends_at, taken = time.monotonic() + seconds, 0
        with self._channel(pika) as channel:
            channel.queue_declare(CALLBACKS, durable=True)
            channel.queue_bind(CALLBACKS, EXCHANGE, CALLBACKS)
            for method, _, body in channel.consume(CALLBACKS, inactivity_timeout=seconds):
                if method is not None:
                    handle(body)
                    channel.basic_ack(method.delivery_tag)
                    taken += 1
                if method is None or time.monotonic() >= ends_at:
                    break
            channel.cancel()
        return taken

    @contextmanager
    def _channel(self, pika: Any) -> Iterator[Any]:
        """A channel with the exchange declared; raises BrokerSilent."""
        try:
            connection = pika.BlockingConnection(_parameters(pika, self.url))
        except (pika.exceptions.AMQPError, OSError) as failure:
            raise BrokerSilent(f"the message broker: {type(failure).__name__}") from None
        try:
            with connection:
                channel = connection.channel()
                channel.exchange_declare(EXCHANGE, "topic", durable=True)
                yield channel
        except pika.exceptions.AMQPError as failure:
            raise BrokerSilent(f"the message broker: {type(failure).__name__}") from None

    def _client(self) -> Any:
        if self.url is None:
            raise BrokerNotSetUp("No message broker is set up here: BROKER_URL is not given.")
        try:
            import_module("pika.exceptions")
            return import_module("pika")
        except ImportError:
            raise BrokerNotSetUp(
                "BROKER_URL is given, but the client of the broker is not installed: see requirements-broker.txt."
            ) from None


def _parameters(pika: Any, url: str | None) -> Any:
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = PATIENCE_SECONDS
    parameters.blocked_connection_timeout = PATIENCE_SECONDS
    parameters.connection_attempts = 1
    return parameters
