"""Notices: mails to users, by SES, and events to whoever listens, by SNS."""

import json
import os
from functools import cache
from typing import Any

import attrs
import boto3
from botocore.exceptions import BotoCoreError, ClientError

from models import User

__all__ = ["NotConfigured", "Notices", "notices"]


class NotConfigured(ValueError):
    """What the shop needs to send notices is not there."""


@attrs.frozen
class Notices:
    """Sends mails and publishes events.

    Args:
        sender: The address that mails are from; SES must have verified it, or its domain.
        topic: The ARN of the SNS topic for all events; the message attribute `event` says which one it is.
        ses: A client of SES, version 2.
        sns: A client of SNS.
    """

    sender: str
    topic: str
    ses: Any = attrs.field(repr=False)
    sns: Any = attrs.field(repr=False)

    def mail(self, user: User, subject: str, text: str) -> None:
        """Send a user a mail."""
        self.ses.send_email(
            FromEmailAddress=self.sender,
            Destination={"ToAddresses": [user.email]},
            Content={"Simple": {"Subject": _utf8(subject), "Body": {"Text": _utf8(text)}}},
        )

    def publish(self, event: str, event_id: str, **facts: str) -> None:
        """Publish an event. Ids only: what is personal is in the table, for those who may read it.

        Args:
            event: Which one: `user-created`.
            event_id: The same one each time that it is published: a subscriber tells by it what it has seen.
            facts: What the message says.
        """
        attributes = {"event": event, "eventId": event_id}
        self.sns.publish(
            TopicArn=self.topic,
            Message=json.dumps(facts, sort_keys=True),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )


@cache
def notices() -> Notices:
    """The shop's notices, as SHOP_FROM_ADDRESS and SHOP_TOPIC_ARN say; made once.

    Raises:
        NotConfigured: One of them is missing, or there is no such topic.
    """
    sender, topic = os.environ.get("SHOP_FROM_ADDRESS", ""), os.environ.get("SHOP_TOPIC_ARN", "")
    if "@" not in sender:
        raise NotConfigured(f"SHOP_FROM_ADDRESS is {sender!r}: give the address that the shop's mails are from.")
    if not topic.startswith("arn:"):
        raise NotConfigured(f"SHOP_TOPIC_ARN is {topic!r}: give the ARN of the topic for the shop's events.")
    region = topic.split(":")[3]
    sns = boto3.client("sns", region_name=region)
    try:
        sns.get_topic_attributes(TopicArn=topic)
    except (BotoCoreError, ClientError) as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        raise NotConfigured(f"The topic {topic} of SHOP_TOPIC_ARN cannot be used ({code}).") from None
    return Notices(sender, topic, boto3.client("sesv2", region_name=region), sns)


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
