"""``resource_monitor`` in both of Torc's shapes."""

import pytest

HEAD = "name: w\njobs: []\nresource_monitor: "


def settings(read, text):
    spec = read(HEAD + text + "\n")
    assert not spec.warnings
    return spec.settings


def test_jobs_are_measured_when_nothing_is_said(read):
    found = read("name: w\njobs: []\n").settings
    assert (found.monitor_jobs, found.monitor_node, found.sample_interval_s) == ("summary", None, 5)


def test_the_older_shape_of_torc(read):
    found = settings(
        read, "{enabled: true, granularity: time_series, sample_interval_seconds: 2, generate_plots: false}"
    )
    assert (found.monitor_jobs, found.monitor_node, found.sample_interval_s) == ("time_series", None, 2)
    assert settings(read, "{enabled: false, granularity: time_series}").monitor_jobs is None


def test_the_newer_shape_of_torc(read):
    found = settings(
        read,
        "{sample_interval: 0.5, flush_interval: 30, jobs: {enabled: true},"
        " compute_node: {enabled: true, cpu: false, memory: true, granularity: time_series}}",
    )
    assert (found.monitor_jobs, found.monitor_node) == ("summary", "time_series")
    assert (found.sample_interval_s, found.flush_interval_s) == (0.5, 30)
    assert (found.monitor_node_cpu, found.monitor_node_memory) == (False, True)
    assert settings(read, "{jobs: {enabled: true}}").sample_interval_s == 10, "Torc's default for this shape"
    assert settings(read, "{compute_node: {enabled: true, cpu: false, memory: false}}").monitor_node is None


def test_words_as_the_documents_of_torc_write_them(read):
    assert settings(read, "{enabled: true, granularity: TimeSeries}").monitor_jobs == "time_series"


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("5", "5", "must be a mapping, not the number 5"),
        ("{enabled: 1}", "1", "'enabled' must be true or false"),
        ("{enabled: true, granularity: time_serie}", "time_serie", "not 'time_serie'"),
        ("{enabled: true, granularity: 5}", "5", "not the number 5"),
        ("{enabled: true, sample_interval_seconds: 0}", "0", "must be from 0.1 to 86400 seconds, not 0"),
        ("{enabled: true, sample_interval: .nan}", ".nan", "must be from 0.1"),
        ("{enabled: true, flush_interval: soon}", "soon", "must be a number of seconds"),
        ("{jobs: true}", "true", "'jobs' in 'resource_monitor' must be a mapping"),
        ("{compute_node: {cpu: 5}}", "5", "'cpu' must be true or false"),
    ],
)
def test_mistakes_are_reported_where_they_are(only, text, where, said):
    problem = only(HEAD + text + "\n")
    assert said in problem.message
    assert (problem.line, problem.column) == (3, len("resource_monitor: ") + text.index(where) + 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{granularity: time_series}", "does not say 'enabled: true'"),
        ("{enabled: true, metrics: [cpu]}", "the key 'metrics' of 'resource_monitor' is not known here"),
        ("{enabled: true, generate_plots: true}", "'generate_plots' has no effect"),
    ],
)
def test_what_has_no_effect_is_noted(read, text, said):
    (warning,) = read(HEAD + text + "\n").warnings
    assert said in warning.message
