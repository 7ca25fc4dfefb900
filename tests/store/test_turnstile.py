"""A turnstile that cannot be unlocked must not keep others waiting."""

import errno
import fcntl

from torc_local.store.turnstile import Turnstile


def test_a_lock_that_cannot_be_given_back_is_let_go_of(tmp_path, monkeypatch):
    flock = fcntl.flock

    def no_locks(fd, how):
        if how == fcntl.LOCK_UN:
            raise OSError(errno.ENOLCK, "no locks available")
        flock(fd, how)

    first, second = Turnstile(tmp_path / "torc.db"), Turnstile(tmp_path / "torc.db")
    with monkeypatch.context() as broken:
        broken.setattr(fcntl, "flock", no_locks)
        assert first.enter()
        first.leave()
    assert not first.enter()
    assert second.enter()
    second.leave()
    second.close()
