"""Which tables of the lake a SQL statement reads, by DuckDB's own parser. Nothing is run.

What a statement may be is one SELECT over the lake's tables. Anything that could reach further (a file, another database, SQL in
a text, DuckDB's own tables) is refused by its name here, and has no rights where it is run (analytics/warehouse.py).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from cctview_pipeline.analytics.question import told
from cctview_pipeline.analytics.warehouse import FILTERED_VIEWS, PSEUDONYM, PSEUDONYMS
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.limits import QUESTION_BYTES

_FROM_NOTHING = frozenset({"range", "generate_series", "unnest"})
"""Table functions that read no table and no file."""
_FORBIDDEN = frozenset({PSEUDONYM, PSEUDONYMS, "json_serialize_plan"})
"""Functions that would tell which pseudonym a guessed id has, or plan another statement."""


@dataclass(frozen=True)
class Statement:
    """tables: the lake's that it reads rows of, sorted; turns_zones: whether it makes times of another zone than UTC."""

    tables: tuple[str, ...]
    turns_zones: bool


def read_statement(sql: str) -> Statement:
    """Raises CctviewError for anything but one SELECT over the lake's tables. DESCRIBE reads no rows.

    Tables are too many rather than too few: a subquery that takes a table's name for its own counts as the table.
    """
    read: set[str] = set()
    named: list[tuple[str, bool]] = []
    own: set[str] = set()
    turns_zones = False
    for node, is_read in _nodes(_parse(sql)):
        kind = node.get("type")
        if kind == "BASE_TABLE":
            if node.get("catalog_name") or node.get("schema_name") not in ("", "main", None):
                raise NotFoundError(f"There is no table '{node['schema_name']}.{node['table_name']}': {_known()}")
            named.append((node["table_name"], is_read))
        elif kind == "TABLE_FUNCTION" and (name := _function(node.get("function", {}))) not in _FROM_NOTHING:
            raise CctviewError(f"{name} cannot be asked, only the lake's tables can: {_known()}")
        elif node.get("class") == "FUNCTION":
            if _function(node) in _FORBIDDEN:
                raise CctviewError(f"The function {_function(node)} cannot be used in a question.")
            turns_zones = turns_zones or _function(node) == "timezone"
        own |= {cte["key"].lower() for cte in (node.get("cte_map") or {}).get("map", [])}
        if "cte_name" in node:
            own.add(node["cte_name"].lower())
    for name, is_read in named:
        if name.lower() in TABLES or name.lower() in FILTERED_VIEWS:
            read |= set(FILTERED_VIEWS.get(name.lower(), (name.lower(),))) if is_read else set()
        # A name that is a file's has a dot in it, and is never taken for a subquery's: DuckDB would open the file elsewhere.
        elif name.lower() not in own or not re.fullmatch(r"\w+", name):
            raise NotFoundError(f"There is no table '{name}': {_known()}")
    return Statement(tuple(sorted(read)), turns_zones)


def _parse(sql: str) -> dict:
    """The statement's syntax tree."""
    try:
        QUESTION_BYTES.check(len(sql.encode()))
    except UnicodeEncodeError:
        raise CctviewError("The question is no UTF-8: write it in a terminal or a file that is.") from None
    with duckdb.connect() as scratch:
        try:
            kinds = [statement.type.name.replace("_", " ") for statement in scratch.extract_statements(sql)]
            [(serialized,)] = scratch.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
            tree = json.loads(serialized)
        except duckdb.Error as error:
            raise told(error) from error
        except RecursionError:
            raise CctviewError("The statement is nested too deeply: ask with a simpler SELECT.") from None
    if not kinds:
        raise CctviewError("The question is empty: ask with SELECT, such as SELECT * FROM vehicle_counts.")
    if kinds == ["SELECT"] and not tree["error"]:
        return tree
    if "SELECT" in kinds and "CREATE" in kinds and "pivot" in sql.lower():
        raise CctviewError("A PIVOT must say IN which values, so that it is one SELECT: ask with PIVOT ... ON column IN (...).")
    if len(kinds) > 1:
        raise CctviewError(f"These are {len(kinds)} statements, and a question is one: ask with SELECT, one after the other.")
    kind = "PRAGMA" if kinds == ["SELECT"] else kinds[0]  # DuckDB reads some as the SELECT that they stand for
    raise CctviewError(f"A statement of the kind {kind} is no question: ask with SELECT, which reads tables and changes nothing.")


def _nodes(tree: dict) -> Iterator[tuple[dict, bool]]:
    """Every node, and whether rows are read there: DESCRIBE and SHOW TABLES read none."""
    rest: list[tuple[object, bool]] = [(tree, True)]
    while rest:
        node, is_read = rest.pop()
        if isinstance(node, dict):
            if node.get("type") == "SHOW_REF" and "show_type" in node:
                if node["table_name"] not in ("", '"tables"'):
                    raise CctviewError("SHOW can be asked of TABLES or of one of the lake's tables: use SHOW TABLES.")
                is_read = is_read and node["show_type"] == "SUMMARY"
            yield node, is_read
            rest.extend((value, is_read) for value in node.values())
        elif isinstance(node, list):
            rest.extend((value, is_read) for value in node)


def _function(node: dict) -> str:
    return str(node.get("function_name", "")).lower()


def _known() -> str:
    return f"known are {', '.join((*TABLES, *FILTERED_VIEWS))}."
