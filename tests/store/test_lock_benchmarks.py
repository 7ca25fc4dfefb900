"""The contests of ``benchmarks.locks`` fill a database of their own by SQL: it must follow the schema."""

from benchmarks.locks import bench_database
from benchmarks.locks.settings import Settings


def test_their_database_has_the_schema_of_today(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_database, "JOBS", 20)
    settings = Settings()
    bench_database.Templates(tmp_path).copy(settings, tmp_path / "t.db")
    with bench_database.connect(tmp_path / "t.db", settings) as db:
        (found,) = db.connection.execute(
            "SELECT count(*), max(limits) FROM job JOIN resource_requirements USING (workflow_id)"
        )
    assert found == (20, 0)
