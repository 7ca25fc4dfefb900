"""Why something did not succeed: a sentence, and perhaps more lines that a job had to say."""


def first_line(reason: str) -> str:
    """The sentence alone."""
    return reason.partition("\n")[0]


def with_more(reason: str, more: str) -> str:
    """The reason with ``more`` at the end of its sentence."""
    sentence, line_end, rest = reason.partition("\n")
    return f"{sentence}{more}{line_end}{rest}"
