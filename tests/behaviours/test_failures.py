"""What happens to the rest of a workflow when a job fails."""

import pytest

pytestmark = pytest.mark.behaviour


def test_a_diamond_below_a_failure_is_canceled_whole(place):
    """Torc 0.12 leaves the tip of the diamond blocked for ever."""
    place.write(
        {
            "name": "diamond",
            "jobs": [
                {"name": "top", "command": "exit 3"},
                {"name": "left", "command": "touch ran", "depends_on": ["top"]},
                {"name": "right", "command": "touch ran", "depends_on": ["top"]},
                {"name": "tip", "command": "touch ran", "depends_on": ["left", "right"]},
            ],
        }
    )
    place.run(code=1)
    assert place.states() == {"top": "failed", "left": "canceled", "right": "canceled", "tip": "canceled"}
    assert not (place.root / "ran").exists()
