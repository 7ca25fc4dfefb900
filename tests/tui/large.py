"""A database of 100,000 jobs as if they had run: one in a thousand failed, the last ten are ready."""

from pathlib import Path

from torc_local.store import opening

JOBS = 100_000

_FILL = """
INSERT INTO workflow (id, name, user, sort_method, spec_digest, dependency_count, created_at, run_id)
    VALUES (1, 'large', 'ann', 'none', 'd', 0, 1.7e9, 1);
INSERT INTO run VALUES (1, 1, 1.7e9, NULL, '/');
INSERT INTO resource_requirements VALUES (1, 1, 'default', 1, 0, 1, 1048576, 60, 0);
INSERT INTO node (id, hostname, boot_id, num_cpus, memory_bytes, num_gpus) VALUES (1, 'node01', 'b', 2, 8589934592, 0);
INSERT INTO runner (id, workflow_id, run_id, node_id, pid, pid_start, slots, started_at, ended_at, end_reason)
    VALUES (1, 1, 1, 1, 1, 1, 1, 1.7e9, 1.7e9, 'finished');
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO job (id, workflow_id, name, command, resource_requirements_id, status)
    SELECT i, 1, printf('sim_%06d', i), './sim --case ' || i, 1,
           CASE WHEN i % 1000 = 907 THEN 'failed' WHEN i > 99990 THEN 'ready' ELSE 'completed' END FROM n;
INSERT INTO attempt (job_id, run_id, attempt_id, return_code, status, reason, started_at, ended_at, cpu_s,
                     peak_memory_bytes, runner_id)
    SELECT id, 1, 1, 3 * (status = 'failed'), status, CASE status WHEN 'failed' THEN 'exit 3' END, 1.7e9,
           1.7e9 + (id * 7919 % 1000) / 100.0, 0.01, (id * 7919 % 1000) * 100000, 1 FROM job WHERE status <> 'ready';
INSERT INTO job_count SELECT 1, status, count(*) FROM job GROUP BY status;
"""


def large_database(path: Path) -> Path:
    with opening.open_or_create(path) as db, db.write("fill"):
        for _ in db.connection.execute(_FILL):
            pass
    return path
