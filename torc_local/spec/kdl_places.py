"""Where the nodes of a KDL document are: a walk over its tokens that knows nothing of what they mean.

ckdl keeps no positions. When something is wrong, this finds them for the same nodes in the same order.
"""

import re
from dataclasses import dataclass, field

_SPACES = r"[ \t\ufeff\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
_BREAK = r"(?:\r\n|[\n\r\x0b\x0c\x85\u2028\u2029])"
_WORD = r"[^\s\ufeff\\/(){};\[\]=\"#,<>]"
_TOKEN = re.compile(
    rf"(?P<skip>{_SPACES}+|\\{_SPACES}*(?://[^\n\r]*)?{_BREAK})"
    rf"|(?P<comment>//[^\n\r\x0b\x0c\x85\u2028\u2029]*)"
    rf"|(?P<end>{_BREAK}|;)"
    r"|(?P<dropped>/-)"
    r"|(?P<text>r(?P<v1>#*)\".*?\"(?P=v1)|(?P<raw>#+)(?P<many>\"\"\"|\").*?(?P=many)(?P=raw)"
    r"|\"\"\"(?:[^\\]|\\.)*?\"\"\"|\"(?:[^\"\\]|\\.)*\")"
    rf"|(?P<word>\#(?:true|false|null|inf|-inf|nan)|(?:{_WORD}|\#(?!\"))+|[,<>]+)"
    r"|(?P<mark>[(){}=])",
    re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")

Span = tuple[int, int]


class Lost(Exception):  # noqa: N818 - the walk ends; it is no error of the program
    """The text is no KDL from ``offset`` on, or none that this walk understands."""

    def __init__(self, offset: int, *, opened: bool = False) -> None:
        super().__init__(offset)
        self.offset = offset
        self.opened = opened  # the braces of the node at ``offset`` are never closed


@dataclass(slots=True)
class Placed:
    """The offsets of one node: of its name, its arguments, its properties (name, value) and its children."""

    name: Span
    args: list[Span] = field(default_factory=list)
    properties: list[tuple[Span, Span]] = field(default_factory=list)
    children: list["Placed"] = field(default_factory=list)
    end: int = 0


def placed_nodes(text: str) -> list[Placed]:
    """The nodes of a document in their order, without those that ``/-`` takes out. Raises Lost."""
    return _Walk(text).nodes()


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._all()
        self._at = 0

    def _all(self) -> list[tuple[str, int, int]]:
        """All tokens but spaces and comments."""
        found, offset, text = [], 0, self._text
        while offset < len(text):
            if text.startswith("/*", offset):
                offset = self._after_comment(offset)
                continue
            token = _TOKEN.match(text, offset)
            if token is None:
                raise Lost(offset)
            kind = token.lastgroup or ""
            kind = "text" if kind in {"v1", "raw", "many"} else token[0] if kind == "mark" else kind
            if kind not in {"skip", "comment"}:
                found.append((kind, offset, token.end()))
            offset = token.end()
        found.append(("stop", len(text), len(text)))
        return found

    def _after_comment(self, start: int) -> int:
        depth = 0
        for mark in _BLOCK.finditer(self._text, start):
            depth += 1 if mark[0] == "/*" else -1
            if not depth:
                return mark.end()
        raise Lost(start)

    def nodes(self) -> list[Placed]:
        """Read all; nested nodes are kept on a stack, so that nothing recurses."""
        root = Placed((0, 0))
        open_ = [(root, root)]  # of every open brace: what gets its nodes, and whose it is (the same unless dropped)
        while True:
            while self._kind() == "end":
                self._at += 1
            kind = self._kind()
            if kind == "stop":
                if len(open_) > 1:
                    raise Lost(open_[-1][0].name[0], opened=True)
                return root.children
            if kind == "}":
                if len(open_) == 1:
                    raise Lost(self._start())
                _, node = open_.pop()
                node.end = self._tokens[self._at][2]
                self._at += 1
                self._rest(node, open_)
                continue
            dropped = self._skip_dropped()
            self._annotation()
            node = Placed(self._value())
            if not dropped:
                open_[-1][0].children.append(node)
            self._rest(node, open_)

    def _rest(self, node: Placed, open_: list[tuple[Placed, Placed]]) -> None:
        """What stands behind the name of a node, up to its end or to its opening brace."""
        while True:
            kind = self._kind()
            if kind in {"end", "stop", "}"}:
                node.end = max(node.end, self._tokens[self._at - 1][2])
                return
            dropped = self._skip_dropped()
            if self._kind() == "{":
                self._at += 1
                open_.append((Placed(node.name) if dropped else node, node))
                return
            self._annotation()
            value = self._value()
            if self._kind() == "=":
                self._at += 1
                self._annotation()
                pair = (value, self._value())
                if not dropped:
                    node.properties.append(pair)
            elif not dropped:
                node.args.append(value)

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _start(self) -> int:
        return self._tokens[self._at][1]

    def _skip_dropped(self) -> bool:
        if self._kind() != "dropped":
            return False
        self._at += 1
        while self._kind() == "end":
            self._at += 1
        return True

    def _annotation(self) -> None:
        if self._kind() != "(":
            return
        self._at += 1
        self._value()
        if self._kind() != ")":
            raise Lost(self._start())
        self._at += 1

    def _value(self) -> Span:
        kind, start, end = self._tokens[self._at]
        if kind not in {"text", "word"}:
            raise Lost(start)
        self._at += 1
        return start, end
