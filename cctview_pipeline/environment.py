"""Every environment variable that this program asks for, with its default and what it is for: one table.

What libraries ask for is theirs: boto3's ``AWS_*``, and what deploy/ names.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """default: what holds where nothing is said; a path is one inside the project. where: which value that is, if it follows
    from others; sentence: what it is for."""

    name: str
    sentence: str
    default: str = ""
    where: str = ""

    def get(self) -> str:
        """What the environment says; an empty text where it says nothing."""
        return os.environ.get(self.name, "")


LAKE = Variable(
    "CCTVIEW_LAKE",
    "The lake that commands and runs work on: a folder or `s3://bucket/prefix`.",
    default="var/lake",
)
KEYS = Variable(
    "CCTVIEW_KEYS",
    "Where the days' keys of the pseudonyms are kept: a folder or `s3://bucket/prefix`, never inside the lake. "
    "Machines that share a lake share them.",
    where="`keys` beside the lake's folder; `var/keys` for a lake on S3",
)
AUDIT = Variable(
    "CCTVIEW_AUDIT",
    "The append-only log of who asked about vehicles, a file.",
    default="var/audit/audit.jsonl",
)
MODELS = Variable(
    "CCTVIEW_MODELS",
    "The folder of `manifest.toml` and the weights; a training writes there too.",
    default="models",
)
DAGSTER_HOME = Variable(
    "DAGSTER_HOME",
    "The folder of Dagster's instance, with its `dagster.yaml`; `cctview` makes it when it is not there.",
    default="var/dagster",
)
SPOOL = Variable(
    "CCTVIEW_SPOOL",
    "The folder in which this machine's collectors write, in a folder for each network, until the lake or the bucket that "
    "campaign.toml names as `path` has it.",
    default="var/spool",
)
PARTITIONS_PER_RUN = Variable(
    "CCTVIEW_PARTITIONS_PER_RUN",
    "How many camera-hours of frames to features one run of a backfill makes: a whole number above 0. 24 on a GPU, so that a "
    "model is loaded once for a day.",
    where="2; in a large campaign as many as leave about 1,000 runs",
)
CPUS = Variable(
    "CCTVIEW_CPUS",
    "How many processors a run may use, where whoever starts it knows better than the system: a number above 0.",
    where="`OMP_NUM_THREADS`; else the container's or the machine's, which runs of one machine divide among them",
)
RUNS_KEPT = Variable(
    "CCTVIEW_RUNS_KEPT",
    "How long Dagster remembers runs and their events, such as `14d`: for live cameras, whose hours are never made again. The "
    "journeys' and the marts' runs stay.",
    where="as long as there is room",
)
VIEWER_URL = Variable(
    "CCTVIEW_VIEWER_URL",
    "Where the viewer is, for the links from Dagster's UI into it.",
    default="http://127.0.0.1:8020",
)

TILES = Variable(
    "CCTVIEW_TILES",
    "Tiles of the viewer's map: `https://HOST/{z}/{x}/{y}.png`, or a `.pmtiles` file of pictures.",
    where="none: the map is drawn",
)
TILES_ATTRIBUTION = Variable(
    "CCTVIEW_TILES_ATTRIBUTION", "Whose tiles these are, shown beside the map.", where="none: nobody is named"
)

TFL_KEY = Variable(
    "CCTVIEW_TFL_KEY",
    "The key for London's list of cameras (network `tfl`), which lets more be asked.",
    where="none: none is needed",
)
FIVE_ONE_ONE_KEY = Variable(
    "CCTVIEW_FIVE_ONE_ONE_KEY",
    "The key for the list of the 511 network that is collected: `511on`, `511ny` and others. Each site gives keys of its own.",
    where="none: the list is then not asked for",
)
CAMERAS_KEY = Variable(
    "CCTVIEW_CAMERAS_KEY",
    "The key of a network that a file describes (`generic`). `key_variable` there can name another that begins with `CCTVIEW_` "
    "and ends with `_KEY`.",
    where="none",
)

VARIABLES = {
    each.name: each
    for each in (
        *(LAKE, KEYS, AUDIT, MODELS, DAGSTER_HOME, SPOOL, PARTITIONS_PER_RUN, CPUS, RUNS_KEPT, VIEWER_URL),
        *(TILES, TILES_ATTRIBUTION),
        *(TFL_KEY, FIVE_ONE_ONE_KEY, CAMERAS_KEY),
    )
}


def key_named(name: str) -> Variable:
    """A key of a network that somebody has described. Nothing else of the environment can be named so."""
    return CAMERAS_KEY if name == CAMERAS_KEY.name else Variable(name, CAMERAS_KEY.sentence)
