"""Children of a test: forked, waited for, and killed if the test ends before they do."""

import contextlib
import mmap
import os
import signal
import traceback

import numpy as np

from procs.machine import system
from shm_layout.ring import HEAD_WORDS


class Forked:
    def __init__(self, pid):
        self.pid = pid
        self.code = None

    def wait(self):
        """Its exit code; a child that hangs is the suite's watchdog's business."""
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()


@contextlib.contextmanager
def forked(work):
    """Run `work()` in a child; the child's exit code is 0 if it returned."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            system.die_with_parent(signal.SIGKILL)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a child ends here, whatever it is
            traceback.print_exc()
        finally:
            os._exit(code)
    child = Forked(pid)
    try:
        yield child
    finally:
        if child.code is None:
            child.kill()


def shared_words():
    """A head page that a forked child shares."""
    return np.frombuffer(mmap.mmap(-1, HEAD_WORDS * 8), np.int64)
