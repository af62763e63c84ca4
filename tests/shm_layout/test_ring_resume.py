"""A lapped reader of a broadcast ring only ever goes forward."""

import numpy as np
import pytest

from shm_layout import ring_hot
from shm_layout.ring import HEAD_WORDS

SLOTS = 64


@pytest.mark.parametrize("written", [200, 2**32 + 5, 2**63 - 1 - 3 * SLOTS])
@pytest.mark.parametrize(
    "claimed_ahead", [0, 1, SLOTS // 4, SLOTS // 2, SLOTS - 1, SLOTS, 2 * SLOTS]
)
def test_lapped_reader_resumes_ahead_and_not_beyond_the_writer(written, claimed_ahead):
    words = np.zeros(HEAD_WORDS, np.int64)
    words[ring_hot.WRITE_POS] = written
    words[ring_hot.CLAIM_POS] = written + claimed_ahead
    for pos in range(written - 3 * SLOTS, written):
        if ring_hot.broadcast_intact(words, pos, SLOTS):
            continue
        resumed = int(ring_hot.broadcast_resume(words, SLOTS))
        assert pos < resumed <= written
        assert resumed == written or ring_hot.broadcast_intact(words, resumed, SLOTS)


def test_reader_lapped_before_the_ring_was_once_full_begins_at_zero():
    words = np.zeros(HEAD_WORDS, np.int64)
    words[ring_hot.WRITE_POS] = words[ring_hot.CLAIM_POS] = 3
    assert ring_hot.broadcast_resume(words, SLOTS) == 0
