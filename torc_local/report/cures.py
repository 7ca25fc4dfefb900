"""What helps against what ``doctor`` finds, and what ``doctor --repair`` did, in words."""

REPAIR = "torc-local doctor --repair"

#: Promises that a repair cannot keep again: what is missing was in the database and nowhere else.
_HOPELESS = {
    "dependencies_have_ends": "dependencies lead nowhere: put a snapshot in its place, or make the workflow anew "
    "from its file (torc-local run FILE --fresh)",
    "documents_can_be_read": "what a workflow, its jobs or its actions say cannot be read, and nothing runs without "
    "it: put a snapshot in its place, or make the workflow anew from its file (torc-local run FILE --fresh)",
    "starts_follow_ends": "this is in the past and cannot be changed; please report it, and make the workflow anew if "
    "its results must be right (torc-local run FILE --fresh)",
}

#: What a repair does for a broken promise.
DONE = {
    "counts_match_jobs": "counted the jobs in each state anew",
    "every_state_is_counted": "counted the jobs in each state anew",
    "blockers_match_dependencies": "counted anew what each job waits for",
    "gates_match_members": "counted anew what each shared set of dependencies waits for",
    "failures_match_dependencies": "worked out anew which jobs wait for something that failed",
    "gates_match_failures": "worked out anew which shared sets hold a failure",
    "queue_holds_what_ended": "emptied the queue of ended jobs; everything in it is counted off",
    "dependencies_have_ends": "put lost jobs back, so that every dependency has both ends",
    "completed_has_one_completion": "gave completed jobs the record of an attempt that they lacked",
    "completion_is_final": "made jobs with a recorded completion completed",
    "failed_has_a_result": "gave failed jobs the record of an attempt that they lacked",
    "claims_have_live_runners": "freed jobs that were claimed by runners that have ended",
    "running_rows_match_jobs": "cleared the list of running jobs",
    "budget_is_kept": "freed what ended runners held of their node",
    "gpus_have_live_runners": "freed GPUs that ended runners held of their node",
    "ended_run_has_nothing_open": "opened the run again: jobs of it are left",
    "actions_have_jobs": "dropped actions that had lost all the jobs that they wait for",
    "actions_have_live_actors": "freed actions that dead processes were executing",
    "ended_run_has_no_open_action": "opened the run again: actions of it are left",
    "moves_are_known": "wrote the legal moves of jobs down again",
    "runs_are_numbered": "looked up the newest run of each workflow",
    "nothing_is_half_put_back": "finished putting jobs back that a restart had begun with",
    "nothing_claimed_at_rest": "took back what dead runners held",
}


def of(check: str) -> str:
    """What to do about a finding that is bad; empty when there is nothing to say."""
    if check == "integrity":
        return f"{REPAIR}; or put a snapshot in its place (torc-local db snapshot makes them)"
    return _HOPELESS.get(check) or (REPAIR if check in DONE else "")
