"""The thinking budget: after so many tokens of thought, the thought is closed for the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence


class ThinkingBudget:
    """Decides at every token whether the model's choice stands or the thought is closed instead.

    It keeps no count of its own: whether a thought is open and how long it is, the reply's parser knows.

    Args:
        limit: most ids between the think markers; None is no limit.
        close_id: id of the marker that ends a thought; None for a model without markers.
        closing: ids that close a thought: closing phrase, `close_id`, blank line.
    """

    def __init__(self, limit: int | None, *, close_id: int | None = None, closing: Sequence[int] = ()) -> None:
        self.limit = limit
        self.cut = False
        self._close_id = close_id
        self._closing = closing
        self._pending: deque[int] = deque()

    def next_token(self, draw: Callable[[], int], *, in_thought: bool, used: int) -> tuple[int, bool]:
        """The next id and whether it is forced.

        A thought of exactly `limit` ids that the model closes by itself is in time: its choice is drawn before the
        budget looks at it, and nothing is forced.

        Args:
            draw: draws the model's choice; not called while the thought is being closed.
            in_thought: a thought is open.
            used: its ids so far.
        """
        if self._pending:
            return self._pending.popleft(), True
        token = draw()
        if not in_thought or self.limit is None or used < self.limit or token == self._close_id:
            return token, False
        self.cut = True
        self._pending.extend(self._closing)
        return self._pending.popleft(), True
