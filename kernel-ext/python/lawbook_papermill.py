"""Parameters of papermill in TypeScript: JSON literals, declared anew after the cell that is tagged `parameters`."""

import json
import re

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

DECLARATION = re.compile(
    r"^[ \t]*(?:let|const|var)[ \t]+([\w$]+)[ \t]*(?::[ \t]*([^=\n]+?))?[ \t]*="
    r"[ \t]*(.+?)[ \t]*;?[ \t]*(?:(?<=[;\s])//[ \t]*(.*?))?[ \t]*$",
    re.MULTILINE,
)


def exact(digits):
    if abs(int(digits)) > 2**53 - 1:
        raise ValueError(f"TypeScript cannot hold the number {digits} exactly: pass it as text.")


class TypeScriptTranslator(Translator):
    @classmethod
    def translate(cls, val):
        # NaN and Infinity read the same in Python's JSON and in TypeScript; what JSON does not know becomes text.
        text = json.dumps(val, default=str)
        json.loads(text, parse_int=exact)
        return text

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}"

    @classmethod
    def assign(cls, name, str_val):
        # Any: a parameter may have another type than its default.
        return f"let {name}: any = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        found = DECLARATION.findall(parameters_cell["source"])
        return [Parameter(name, kind or "None", default, text) for name, kind, default, text in found]


class Engine(NBClientEngine):
    """Papermill's own engine, also by the name `lawbook`."""


papermill_translators.register("typescript", TypeScriptTranslator)
