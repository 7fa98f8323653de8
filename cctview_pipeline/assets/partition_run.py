"""How every asset walks over the partitions of its run: one at a time, validated, written, recorded.

A partition whose inputs are missing or whose rows fail a check is not written and blocks what is downstream of itself,
not the rest of the range: its verdict stands in its metadata, and the asset's checks name it. One that was deleted on purpose
is not made again, and what was erased from one is left out whenever it is written, from side tables as from the table itself.
"""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import dagster as dg
import pyarrow as pa

from cctview_pipeline.assets.pictures import Pictures
from cctview_pipeline.districts import key_in_run
from cctview_pipeline.environment import VIEWER_URL
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.checks import CHECKS, SCHEMA, failures
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.partitions import to_partition
from cctview_pipeline.privacy.access import AGGREGATES
from cctview_pipeline.privacy.erasures import Erasures
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.work import Work

INPUTS, COMPUTED = "inputs_exist", "computed"


def table_asset(table: str, *, group: str, code_version: str, kinds: set[str] | None = None) -> dict[str, Any]:
    """What the definition of an asset says about its table, as arguments of ``@dg.asset``."""
    said = table_spec(table, group=group, code_version=code_version, kinds=kinds)
    return {"name": table, "check_specs": table_checks(table)} | said


def table_checks(table: str) -> list[dg.AssetCheckSpec]:
    """What must hold of it, as Dagster shows it."""
    checks = [dg.AssetCheckSpec(c.name, asset=table, description=c.description, blocking=True) for c in CHECKS[table]]
    own = {INPUTS: "Every source and table that it reads is there.", COMPUTED: "Nothing unexpected came up on the way."}
    return checks + [dg.AssetCheckSpec(name, asset=table, description=text, blocking=True) for name, text in own.items()]


def table_spec(table: str, *, group: str, code_version: str, kinds: set[str] | None = None) -> dict[str, Any]:
    """What the definition of an asset says about its table, as arguments of ``dg.AssetSpec``."""
    spec = TABLES[table]
    columns = [dg.TableColumn(f.name, str(f.type), (f.metadata or {}).get(b"description", b"").decode()) for f in spec.schema]
    return {
        "description": spec.description,
        "group_name": group,
        "code_version": code_version,
        "owners": ["team:cctview"],
        "kinds": {"parquet", *(kinds or ())},
        "metadata": {"dagster/column_schema": dg.TableSchema(columns=columns)},
    }


SEEN = frozenset({"raw_frames", "detections", "crops", "tracks", "passages", "matches", "journeys", *AGGREGATES})
"""Tables whose rows are looked at in the viewer."""


def viewer_base() -> str:
    return (VIEWER_URL.get() or VIEWER_URL.default).rstrip("/")


def viewer_link(table: str, partition: Partition) -> str:
    """The viewer's page of a camera's hour, an hour of journeys, or a day's figures. ``CCTVIEW_VIEWER_URL`` says where it is, if
    not on this machine."""
    base = viewer_base()
    if partition.day:
        return f"{base}/figures/{table}?day={layout.format_day(partition.day)}"
    hour = layout.format_hour(partition.begin)
    return f"{base}/cameras/{partition.camera}/{hour}" if partition.camera else f"{base}/{table}/{hour}"


class PartitionRun:
    """One run of one asset over its partitions."""

    def __init__(self, context: dg.AssetExecutionContext, lake: Lake, table: str) -> None:
        self._context, self._lake, self._table = context, lake, table
        self._asset = key_in_run(context, table)
        self._failed: dict[str, dict[str, str]] = {}
        self._tombstones, self._erasures = Tombstones(lake), Erasures(lake)
        self._rows = 0
        self._begun = self._since = time.perf_counter()
        keys = {to_partition(key): key for key in context.partition_keys}
        # Hour by hour, so that tracks and journeys find the hour before.
        self._keys = {place: keys[place] for place in sorted(keys, key=lambda place: (place.begin, place.camera))}
        self._number = {place: number for number, place in enumerate(self._keys, 1)}

    @cached_property
    def pictures(self) -> Pictures:
        """What of its partitions may be shown in Dagster."""
        return Pictures.of(self._lake.campaign(), len(self._keys))

    @cached_property
    def _cameras(self) -> frozenset[str]:
        """The campaign's. A range may cover others, which have left it."""
        campaign = self._lake.campaign()
        return frozenset(camera.id for camera in campaign.cameras) if campaign else frozenset()

    @property
    def partitions(self) -> list[Partition]:
        """Hour by hour, or day by day."""
        return list(self._keys)

    def each(self, inputs: Iterable[str] = ()) -> Iterator[Partition]:
        """The run's partitions that are to be made. inputs: tables whose same partition must have been written."""
        return (partition for partition in self._keys if self.admits(partition, inputs))

    def admits(self, partition: Partition, inputs: Iterable[str] = ()) -> bool:
        """Whether it is to be made now; if not, its verdict is told. inputs: tables whose same partition must be there."""
        self._since, key = time.perf_counter(), self._keys[partition]
        if partition.camera and self._cameras and partition.camera not in self._cameras:
            self._leave(key, "left as it is: its camera is no longer in campaign.toml")
            return False
        if deleted := self._tombstones.get(self._table, partition):
            self._leave(key, deleted.sentence)
            return False
        if missing := [table for table in inputs if not self._lake.has(table, partition)]:
            self._without_inputs(partition, key, missing)
            return False
        self._context.log.info(str(Work(self._table, str(partition), self._number[partition], len(self._keys))))
        return True

    def make_all(self, make: Callable[[Partition], None], inputs: Iterable[str] = ()) -> dg.MaterializeResult:
        """Make the run's partitions, hour by hour, each behind a barrier of its own. make: stores or refuses one; inputs: tables
        whose same partition must have been written."""
        for partition in self.each(inputs):
            self.attempt(partition, make)
        return self.result()

    def attempt(self, partition: Partition, make: Callable[[Partition], None]) -> None:
        """Make one of the run's partitions; what goes wrong is told as that partition's verdict."""
        try:
            make(partition)
        except CctviewError as error:
            self._block(self._keys[partition], {COMPUTED: str(error)})
        except Exception as error:  # whatever a partition's bytes do to a library, they do it to this partition
            self._context.log.error("".join(traceback.format_exception(error)))
            what = f"It failed unexpectedly ({type(error).__name__}): the log of run {self._context.run_id} has all of it."
            self._block(self._keys[partition], {COMPUTED: what})

    def _without_inputs(self, partition: Partition, key: str, missing: list[str]) -> None:
        """What was made before its inputs were deleted on purpose stays as it is; what never was can't be made any more."""
        gone = [found for table in missing if (found := self._tombstones.get(table, partition))]
        if len(gone) == len(missing) and self._lake.has(self._table, partition):
            self._leave(key, f"kept as it is; {gone[0].table} of it was {gone[0].sentence}")
        else:
            why = "".join(f" {found.table} was {found.sentence}." for found in gone)
            self._block(key, {INPUTS: f"{' and '.join(missing)} of {partition} were not written.{why}"})

    def store(
        self,
        partition: Partition,
        rows: pa.Table,
        inputs: Mapping[str, pa.Table] | None = None,
        *,
        beside: Mapping[str, pa.Table] | None = None,
        tell: Callable[[Mapping[str, pa.Table]], Mapping[str, Any]] = lambda written: {},
        **metadata: Any,
    ) -> None:
        """Validate a partition and what stands beside it, write all of it, side tables first, or nothing, and record metadata.

        beside: side tables of the same partition, by name; tell: what the metadata says of the tables as they were written, by
        name, which may be less than what was given.
        """
        key = self._keys[partition]
        beside = {table: given for table, given in (beside or {}).items() if not self._tombstones.get(table, partition)}
        # The side tables first: where the table is, they are.
        written = {t: self._erasures.apply(t, partition, given) for t, given in {**beside, self._table: rows}.items()}
        wrong = failures(self._table, written[self._table], inputs or {}, partition)
        if amiss := [why for table in beside for why in failures(table, written[table], {}, partition).values()]:
            wrong[SCHEMA] = " ".join([*filter(None, [wrong.get(SCHEMA)]), *amiss])
        if wrong:
            self._block(key, wrong)
            return
        sizes = {table: self._lake.write(table, partition, found) for table, found in written.items()}
        count = written[self._table].num_rows
        self._rows += count
        seconds = time.perf_counter() - self._since
        metadata |= tell(written)
        self._context.add_asset_metadata(
            {
                "dagster/row_count": count,
                "dagster/uri": self._lake.storage.path(layout.key(self._table, partition)),
                "verdict": "written",
                "seconds": round(seconds, 3),
                "bytes": sizes[self._table],
            }
            | ({"viewer": dg.MetadataValue.url(viewer_link(self._table, partition))} if self._table in SEEN else {})
            | {name: value for name, value in metadata.items() if value is not None},
            asset_key=self._asset,
            partition_key=key,
        )

    def refuse(self, partition: Partition, why: str) -> None:
        """Leave a partition unwritten because what it is made from is not there."""
        self._block(self._keys[partition], {INPUTS: why})

    def keep(self, partition: Partition, why: str) -> None:
        """Leave a partition as it was made before."""
        self._leave(self._keys[partition], why)

    def _leave(self, key: str, verdict: str) -> None:
        self._context.log.info(f"{self._table} {key}: {verdict}")
        self._tell(key, verdict)

    def _block(self, key: str, wrong: dict[str, str]) -> None:
        self._failed[key] = wrong
        verdict = " ".join(wrong.values())
        self._context.log.error(f"{self._table} {key} is not written: {verdict}")
        self._tell(key, f"not written: {verdict}")

    def _tell(self, key: str, verdict: str) -> None:
        self._context.add_asset_metadata({"verdict": verdict}, asset_key=self._asset, partition_key=key)

    def result(self) -> dg.MaterializeResult:
        """The run's sums, and each check's verdict over all its partitions.

        A check that fails for some partitions warns, since these block themselves; one that fails for all is an error,
        which stops the run.
        """
        names = [*(check.name for check in CHECKS[self._table]), INPUTS, COMPUTED]
        checks = []
        for name in names:
            bad = {key: wrong[name] for key, wrong in self._failed.items() if name in wrong}
            all_bad = len(self._failed) == len(self._keys)
            checks.append(
                dg.AssetCheckResult(
                    passed=not bad,
                    asset_key=self._asset,
                    check_name=name,
                    severity=dg.AssetCheckSeverity.ERROR if all_bad else dg.AssetCheckSeverity.WARN,
                    metadata={"partitions": len(self._keys), "failed": len(bad), **dict(list(bad.items())[:20])},
                )
            )
        seconds = time.perf_counter() - self._begun
        self._context.log.info(
            f"{self._table}: {len(self._keys) - len(self._failed)} of {len(self._keys)} partitions, "
            f"{self._rows} rows in {seconds:.1f} s"
        )
        return dg.MaterializeResult(asset_key=self._asset, check_results=checks)
