"""A COMMIT that takes effect and then says that it failed: nothing runs twice, nothing is forgotten."""


def test_what_was_claimed_and_marked_in_spite_of_an_error_is_known(place):
    place.write(
        {"name": "a{i}", "command": place.append("a{i}"), "parameters": {"i": "1:40"}},
        {"name": "long{i}", "command": place.append("long{i}", "sleep 0.4"), "parameters": {"i": "1:4"}},
        {"name": "b{i}", "command": place.append("b{i}"), "parameters": {"i": "1:20"}, "depends_on_regexes": ["^a"]},
    )
    done = place.run(4, "journal=delete", "batch=2", "lies=yes")
    assert (done["code"], done["counts"]) == (0, {"completed": 64}), done
    assert "results are held and nothing is claimed until it works again" in done["stderr"], "the disk did not lie"
    assert place.lines().total() == len(place.lines()) == 64
    assert place.violations() == []
    assert place.query("SELECT count(*) FROM v_attempts") == [(64,)]
