"""Setting right what a damaged database says of files and user data: uses of what is lost go, the rest is counted anew.

The name and the path of a lost file are nowhere else, so its jobs no longer look at it. What they wait for is stored
apart (table ``dependency``) and stays.
"""

from torc_local.store.database import Database
from torc_local.store.registry import action

_MENDS = (
    action(
        "mend_job_file",
        "DELETE FROM job_file WHERE job_id NOT IN (SELECT id FROM job) OR file_id NOT IN"
        " (SELECT id FROM file UNION ALL SELECT id FROM item_set)",
    ),
    action(
        "mend_job_user_data",
        "DELETE FROM job_user_data WHERE job_id NOT IN (SELECT id FROM job) OR user_data_id NOT IN"
        " (SELECT id FROM user_data UNION ALL SELECT id FROM item_set)",
    ),
    action(
        "mend_file",
        "WITH used AS (SELECT DISTINCT coalesce(m.item_id, u.file_id) AS id, u.is_output FROM job_file u"
        " LEFT JOIN item_set_member m ON m.set_id = u.file_id) UPDATE file SET"
        " is_consumed = file.id IN (SELECT id FROM used WHERE NOT is_output),"
        " is_produced = file.id IN (SELECT id FROM used WHERE is_output)",
    ),
    action(
        "mend_user_data",
        "WITH used AS (SELECT DISTINCT coalesce(m.item_id, u.user_data_id) AS id, u.is_output FROM job_user_data u"
        " LEFT JOIN item_set_member m ON m.set_id = u.user_data_id) UPDATE user_data SET"
        " is_consumed = user_data.id IN (SELECT id FROM used WHERE NOT is_output),"
        " is_produced = user_data.id IN (SELECT id FROM used WHERE is_output)",
    ),
    action(
        "mend_job_io",
        "UPDATE job SET io = (io & ~5) | EXISTS (SELECT 1 FROM job_file u WHERE u.job_id = job.id)"
        " | 4 * EXISTS (SELECT 1 FROM job_user_data u WHERE u.job_id = job.id AND NOT u.is_output)"
        " WHERE ((io & 1) <> 0) <> EXISTS (SELECT 1 FROM job_file u WHERE u.job_id = job.id) OR ((io & 4) <> 0) <>"
        " EXISTS (SELECT 1 FROM job_user_data u WHERE u.job_id = job.id AND NOT u.is_output)",
    ),
)


def uses(db: Database) -> None:
    """Let jobs use only what is there, and let files, user data and jobs know of it."""
    for mend in _MENDS:
        mend.run(db)
