"""Asking the lake. What is about single vehicles needs a purpose, is written down first, and comes with pseudonyms.

::

    from cctview_pipeline.privacy.access import ask
    from cctview_pipeline.resources.lake import open_lake

    ask(open_lake(), "SELECT * FROM vehicle_counts")
    ask(open_lake(), "SELECT * FROM journeys", purpose="traffic counts")

Tables that are sums over vehicles (AGGREGATES) are asked freely and leave no trace; all others are about vehicles, a new table
too. Nobody lives in the synthetic city: no purpose is needed there and no limit holds, but what is asked is written down all
the same.

The ids by which a vehicle could be followed come as pseudonyms, by the secret key of the id's day (privacy/keys.py), and joins on
them work as they do on ids. When a day's key has been destroyed, its ids are null: the rows are still there to be counted, but
nothing can be linked any more. Ids of frames and detections stay what they are: a camera, a time and a box, which say no more
than the row they stand in. A track's ``detection_ids`` and ``recovered_ids`` therefore still
tell where and when it was seen.

The user is who runs the process, by the operating system. That is no authentication: it says who was logged in, not who sat
there, and whoever may read the lake's files needs no question at all.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.analytics.question import Answer, told
from cctview_pipeline.analytics.warehouse import connect_confined
from cctview_pipeline.errors import AccessRefusedError, CctviewError
from cctview_pipeline.ids import utc_day
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.marts import BY_DAY
from cctview_pipeline.paths import keys_uri
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.audit import AuditLog, operating_user
from cctview_pipeline.privacy.entries import Entry
from cctview_pipeline.privacy.keys import DayKey, KeyDestroyed, KeyStore
from cctview_pipeline.privacy.statement import read_statement

AGGREGATES = frozenset(
    {
        *("camera_status", "gaps", "evaluation", "coverage", "vehicles_in_view"),
        *("camera_flows", "movements_seen", "queues_seen"),
        *(spec.name for spec in BY_DAY),
    }
)
"""The tables that are about cameras, or about many vehicles at once."""
SYNTHETIC = "synthetic"
"""The purpose that is written down for the synthetic city when none is stated."""
_HOUR = timedelta(hours=1)
_MAX_REMEMBERED = 1_000_000
"""Pseudonyms of one question, about 200 MB of them."""


def ask(
    lake: Lake,
    sql: str,
    purpose: str = "",
    user: str | None = None,
    *,
    keys: KeyStore | None = None,
    log: AuditLog | None = None,
) -> pa.Table:
    """Run one SELECT over the lake's tables, and give all rows. For arguments and errors see ``asked``."""
    with asked(lake, sql, purpose, user, keys=keys, log=log) as answer:
        return answer.table()


@contextmanager
def asked(
    lake: Lake,
    sql: str,
    purpose: str = "",
    user: str | None = None,
    *,
    keys: KeyStore | None = None,
    log: AuditLog | None = None,
) -> Iterator[Answer]:
    """Run one SELECT over the lake's tables; the rows come in batches. purpose, user, log: as for ``authorize``; keys: the lake's
    own when left out.

    Raises CctviewError for anything but one SELECT, for tables or columns that are not there (neither is written down), for
    what takes too long or too much memory, and as ``authorize`` does.
    """
    statement = read_statement(sql)
    vehicles = set(statement.tables) - AGGREGATES
    stated = check_purpose(lake, statement.tables, purpose) if vehicles else ""
    if vehicles and not keys:
        keys = KeyStore(keys_uri(lake.uri), lake.storage.s3)
    pseudonyms = _Pseudonyms(keys)
    with connect_confined(lake, statement.tables, pseudonyms) as database:
        try:
            question = database.sql(sql)  # names are looked up, nothing is read: a slip of the pen is no query
        except duckdb.Error as error:
            raise told(error) from error
        answer = Answer(database, question, not statement.turns_zones, lambda: pseudonyms.failure)
        if vehicles:
            authorize(lake, "query", sql, statement.tables, stated, user, log)
        yield answer


def authorize(
    lake: Lake,
    kind: str,
    asked: str,
    tables: Collection[str],
    purpose: str,
    user: str | None = None,
    log: AuditLog | None = None,
) -> Entry:
    """Write down that vehicles are asked about, before they are. Only when this returns may the answer be given.

    kind: query or export; asked: the SQL, or what was chosen; user: who runs this process when left out, or on whose behalf a
    service asks; log: the project's own when left out. Raises CctviewError for a purpose that the campaign does not have, for
    more questions than the campaign allows a user in an hour, and when the log can't be written.
    """
    stated, who = check_purpose(lake, tables, purpose), user or operating_user()
    campaign = lake.campaign()
    limit = Policy.of(campaign).queries_an_hour if campaign and campaign.network != "city" else None
    admit = _limited(limit, who, lake.uri) if limit else None
    log = log or AuditLog()
    return log.append(kind, asked, user=who, purpose=stated, lake=lake.uri, tables=tuple(sorted(tables)), admit=admit)


def check_purpose(lake: Lake, tables: Collection[str], purpose: str) -> str:
    """The purpose as it is written down. Raises CctviewError, with the mend, when it is none of the campaign's."""
    campaign, purpose = lake.campaign(), purpose.strip()
    if campaign and campaign.network == "city":
        return purpose or SYNTHETIC
    known = Policy.of(campaign).purposes if campaign else ()
    about = f"{', '.join(sorted(set(tables) - AGGREGATES))}: single vehicles may be asked about for a purpose only"
    if not known:
        raise AccessRefusedError(
            f'{about}, and this campaign has none: add purposes = ["traffic counts"], or whatever yours are, under '
            f"[campaign.privacy] in {lake.storage.path('campaign.toml')}."
        )
    if purpose not in known:
        wrong = f"and '{purpose}' is none of this campaign's" if purpose else "so state one (--purpose)"
        raise AccessRefusedError(f"{about}, {wrong}: there is {', '.join(repr(each) for each in known)}.")
    return purpose


def _limited(limit: int, user: str, lake: str) -> Callable[[Iterator[Entry]], None]:
    """Refuses the next question of a user who has had ``limit`` in the last hour, by the log itself."""

    def admit(entries: Iterator[Entry]) -> None:
        since = datetime.now(UTC) - _HOUR
        recent = takewhile(lambda entry: entry.time > since, entries)
        asked = (each.time for each in recent if (each.user, each.lake) == (user, lake) and each.kind in ("query", "export"))
        if len(times := list(islice(asked, limit))) == limit:
            raise AccessRefusedError(
                f"{user} has asked about vehicles {limit} times within an hour, as often as queries_an_hour under "
                f"[campaign.privacy] allows: ask again at {times[-1] + _HOUR:%H:%M:%S} UTC."
            )

    return admit


class _Pseudonyms:
    """A column of ids -> their pseudonyms; null for ids of a day whose key was destroyed. Each key is opened once a question.

    failure: why it could not, where DuckDB tells it in many words.
    """

    def __init__(self, keys: KeyStore | None) -> None:
        self._store, self._keys = keys, dict[date, DayKey | None]()
        self._days, self._made = dict[tuple, date](), dict[str, str | None]()
        self.failure: CctviewError | None = None

    def __call__(self, column: pa.ChunkedArray) -> pa.Array:
        distinct = pc.unique(column)
        try:
            made = pa.array([each and self._pseudonym(each) for each in distinct.to_pylist()], pa.string())
        except CctviewError as error:
            self.failure = error
            raise
        return made.take(pc.index_in(column, distinct).combine_chunks())

    def _pseudonym(self, identifier: str) -> str | None:
        if identifier not in self._made:  # a join asks for each id again and again
            if len(self._made) >= _MAX_REMEMBERED:
                self._made.clear()
            key = self._key(self._day(identifier))
            self._made[identifier] = key.pseudonym(identifier) if key else None
        return self._made[identifier]

    def _key(self, day: date) -> DayKey | None:
        if day not in self._keys:
            assert self._store is not None, "Only tables about vehicles have such ids, and asking about those opens the keys."
            try:
                self._keys[day] = self._store.key(day)
            except KeyDestroyed:
                self._keys[day] = None
        return self._keys[day]

    def _day(self, identifier: str) -> date:
        """Half the time goes into reading ids, and all of a camera's hour are of one day."""
        camera, day, time, *_ = [*identifier.split("--", 3), "", ""]
        hour = camera, day, time[:2], time.endswith("Z")
        if hour not in self._days:
            try:
                self._days[hour] = utc_day(identifier)
            except ValueError:
                raise AccessRefusedError(f"'{identifier}' has no pseudonym: it is the id of no track or journey.") from None
        return self._days[hour]
