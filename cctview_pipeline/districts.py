"""Several campaigns on one instance of Dagster: each a district, with a lake, a code location and a name of its own.

An instance keeps events by asset and runs by tag for all who use it. A district's name stands before its assets' keys and in its
runs' tags, so that no district asks for another's. A campaign that has no name has keys and tags without one.
"""

from collections.abc import Iterable
from typing import TypeVar, cast

import dagster as dg
from dagster._core.execution.backfill import PartitionBackfill

Defined = TypeVar("Defined", bound=dg.AssetsDefinition)
TAG = "cctview/district"
"""The tag of a district's runs and backfills: its name. Not of what Dagster's UI launches over assets, which is known by them."""


def asset_key(district: str, name: str) -> dg.AssetKey:
    """``raw_frames``, or in a district ``north/raw_frames``."""
    return dg.AssetKey([district, name] if district else [name])


def in_district(definition: Defined, district: str) -> Defined:
    """The same assets or checks with their keys, and those that they rest on, in a district."""
    if not district:
        return definition
    keys = {*definition.keys, *(check.asset_key for check in definition.check_keys)}
    keys |= {dep.asset_key for spec in definition.specs for dep in spec.deps} | set(definition.node_keys_by_input_name.values())
    return cast(Defined, definition.with_attributes(asset_key_replacements={key: key.with_prefix(district) for key in keys}))


def key_in_run(context: dg.AssetExecutionContext, name: str) -> dg.AssetKey:
    """The key under which a run makes an asset."""
    return next(key for key in context.assets_def.keys if key.path[-1] == name)


def district_tags(district: str) -> dict[str, str]:
    """What every run and backfill of a district is marked with."""
    return {TAG: district} if district else {}


def of_run(run: dg.DagsterRun) -> str:
    """Whose run it is; an empty text where it is of a campaign without a name."""
    return run.tags.get(TAG) or _of_keys(run.asset_selection or ())


def of_backfill(backfill: PartitionBackfill) -> str:
    """Whose backfill it is; an empty text where it is of a campaign without a name."""
    return (backfill.tags or {}).get(TAG) or _of_keys(backfill.asset_selection or ())


def _of_keys(keys: Iterable[dg.AssetKey]) -> str:
    return next(("/".join(key.path[:-1]) for key in keys if len(key.path) > 1), "")
