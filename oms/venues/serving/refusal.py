"""How a request of a client ends without a result: refused, not answerable yet, or its reply lost.

An exchange's own error class derives from RefusalError and knows how it is worded.
"""

from __future__ import annotations


class RefusalError(Exception):
    """One refusal of a request; the server turns it into the reply."""

    def __init__(self, text: str, status: int, retry_after_s: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        """Of HTTP, or of the reply where WebSocket requests carry one."""
        self.retry_after_s = retry_after_s


class NotYetError(Exception):
    """The book is not known yet (a recording before its snapshot): ask again later."""


class LostReplyError(Exception):
    """Fault: the request was carried out, and its reply is lost."""
