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


def test_gpus_that_were_taken_in_spite_of_an_error_are_free_again(place):
    place.write(
        {"name": "a{i}", "command": place.append("a{i}"), "parameters": {"i": "1:60"}, "resource_requirements": "gpu"},
        resource_requirements=[{"name": "gpu", "memory": "64m", "num_gpus": 1}],
    )
    done = place.run("-", "cpus=4", "gpus=2", "runners=2", "journal=delete", "batch=2", "lies=yes")
    assert (done["code"], done["counts"]) == (0, {"completed": 60}), done
    assert "results are held and nothing is claimed until it works again" in done["stderr"], "the disk did not lie"
    assert place.lines().total() == len(place.lines()) == 60
    assert place.violations() == []
    assert place.query("SELECT count(*) FROM held_gpu") == [(0,)]
