"""Numbers for people."""


def rate(value: float) -> str:
    """Something per second."""
    return f"{value:,.0f}/s"


def seconds(value: float) -> str:
    """A duration."""
    if value < 0.001:
        return f"{value * 1e6:.0f} us"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.3g} s"


def size(value: float) -> str:
    """Bytes, in millions."""
    return f"{value / 1e6:,.1f} MB"


def share(value: float) -> str:
    """A part of a whole."""
    return f"{value:.1%}"


def count(value: float) -> str:
    """A number of things."""
    return f"{value:,.0f}"


def times(value: float) -> str:
    """A quotient."""
    return f"{value:.2f}"
