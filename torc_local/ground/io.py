"""What a runner looks up for a job: the bits of the column ``job.io``; and the form in which user data is kept."""

import json

#: It reads or writes declared files: they are looked at when it has ended.
FILES = 1
#: Its command has tokens that are filled in from user data when it starts.
TOKENS = 2
#: It reads user data: which version it got is noted when it starts.
USER_DATA = 4
#: Its last attempt failed, and a recovery script must run before the next one: that comes first when it is claimed.
RECOVERY = 8
#: A person has canceled it while a runner held it: that runner ends it, or whoever claims it next does not start it.
CANCEL = 16

#: The largest user data, as JSON. It goes into commands and through the database; what is larger belongs into a file.
MOST_USER_DATA_BYTES = 1 << 20


def compact(value: object) -> str:
    """User data as it is stored and filled in: JSON without spaces, keys sorted (Torc).

    Raises ValueError with a reason when ``value`` is no JSON, or too large.
    """
    try:
        made = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        size = len(made) if made.isascii() else len(made.encode())
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        why = {
            RecursionError: "it is nested too deeply",
            UnicodeEncodeError: "it contains half of a character",
        }.get(type(error), str(error))
        raise ValueError(why) from None
    if size > MOST_USER_DATA_BYTES:
        raise ValueError(f"it has {size:,} bytes, and at most {MOST_USER_DATA_BYTES:,} are kept; write it to a file")
    return made
