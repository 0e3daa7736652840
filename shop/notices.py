"""Notices: mails to users by SES, and events to subscribers by SNS."""

import json
import os
from functools import cache
from typing import Any

import attrs
import boto3
from botocore.exceptions import BotoCoreError, ClientError

from models import User

__all__ = ["NotConfiguredError", "Notices", "notices"]


class NotConfiguredError(ValueError):
    """A setting that the shop needs is missing or wrong."""


@attrs.frozen
class Notices:
    """Sends mails and publishes events.

    Args:
        sender: The sender's address of mails; SES must have verified it or its domain.
        topic: The ARN of the SNS topic for all events; the message attribute `event` has the event's name.
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
        """Publish an event. The message has only ids, because personal values must stay in the table.

        Args:
            event: The event's name, such as `user-created`.
            event_id: The event's id, which is the same each time, so that a subscriber can recognize repeated events.
            facts: The content of the message.
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
    """Return the shop's notices, configured by SHOP_FROM_ADDRESS and SHOP_TOPIC_ARN; created once.

    Raises:
        NotConfiguredError: A variable is missing or malformed, or the topic does not exist.
    """
    sender, topic = os.environ.get("SHOP_FROM_ADDRESS", ""), os.environ.get("SHOP_TOPIC_ARN", "")
    if "@" not in sender:
        raise NotConfiguredError(f"SHOP_FROM_ADDRESS is {sender!r}. Give the sender's address of the shop's mails.")
    if not topic.startswith("arn:"):
        raise NotConfiguredError(f"SHOP_TOPIC_ARN is {topic!r}. Give the ARN of the topic for the shop's events.")
    region = topic.split(":")[3]
    sns = boto3.client("sns", region_name=region)
    try:
        sns.get_topic_attributes(TopicArn=topic)
    except (BotoCoreError, ClientError) as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        raise NotConfiguredError(f"The topic {topic} of SHOP_TOPIC_ARN cannot be used ({code}).") from None
    return Notices(sender, topic, boto3.client("sesv2", region_name=region), sns)


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
