"""The tables of figures: what traffic engineers read, each row with how much was seen of its time, and what it is worth.

Every one of a quarter of an hour has a row for every quarter of its local day, so that 0 is a measurement and null is none; the
column ``status`` says which:

- observed: at least 95 % of the time was seen;
- expanded: 50 to 95 % of it, and the value is what was counted over the share that was seen;
- insufficient: less than half of it, and the value is null; of a movement, and of who stood on an approach, also where too few
  were seen from end to end;
- no_data: none of it;
- flagged: an anomaly lies over it that says not to use it (anomalies).
"""

import pyarrow as pa

from cctview_pipeline.lake.spec import CAMERA_ID, TIME, TableSpec, column

STATES = ("no_frames", "live", "frozen", "stale", "placeholder", "offline", "moved", "not_masked", "not_collected", "missed")
"""Of a camera's time: the columns of coverage that add up."""
STATUSES = ("observed", "expanded", "insufficient", "no_data", "flagged")
MIN_OBSERVED, MIN_EXPANDED = 0.95, 0.5
"""Shares of a bin that must have been seen for it to be observed, and to be expanded."""
LEAST_WHOLE, LEAST_FOLLOWED = 0.3, 5.0
"""Of a movement's vehicles the share, and how many, must have been seen from where they came in to where they left, for its
number to be told. In the city's streets (seed 1001, 20 minutes) 7 of 8 movements above both had GEH < 5, and 4 of 14 below;
both were chosen on that city. On 1002 and 1003, by which nothing was chosen, it was 5 of 8 and 4 of 7."""
PERIODS = ("am", "midday", "pm", "evening", "night", "weekend")

_BEGAN_AT = column("began_at", TIME, "beginning of the 15 minutes, UTC")
_LOCAL_AT = column("local_at", pa.string(), "the same by the campaign's clock, with its offset: 2020-05-05T13:00-04:00")
_CARRIAGEWAY = column("carriageway", pa.string(), "N, S, E or W; towards or away where nobody knows how the camera faces")
_COVERAGE = column("coverage", pa.float32(), "share of the time that was seen, 0..1")
_STATUS = column("status", pa.string(), ", ".join(STATUSES[:-1]) + " or flagged")
_NOTE = column("quality_note", pa.string(), "what else to know of this row; null where nothing", True)
_FROM = column("from_camera_id", pa.string(), "where the vehicles were seen first")
_TO = column("to_camera_id", pa.string(), "where they were seen next")
_VIEW = column("view", pa.string(), "the camera's view, by the name that it keeps from hour to hour: 352x240, 352x240/2")
_APPROACH = column(
    "approach", pa.string(), "the arm that vehicles come from: N, E, S or W; from-far, from-left ... where nobody knows"
)
_EXIT = column("exit", pa.string(), "the arm that they leave by: N, E, S or W; to-far, to-left ...")
_TURN = column("turn", pa.string(), "left, through, right or u-turn, as far as it is in the picture")
_LABEL = column("label", pa.string(), "car, bus, truck or motorcycle")
_CORRIDOR = column("corridor", pa.string(), "the road, as the campaign names it")


def _number(name: str, meaning: str) -> pa.Field:
    return column(name, pa.float32(), meaning, True)


BY_CAMERA_HOUR = [
    TableSpec(
        "coverage",
        "What was seen of a camera's time, and why not the rest, by quarter of an hour: its seconds add up to 900.",
        "camera_hour",
        pa.schema(
            [
                CAMERA_ID,
                _BEGAN_AT,
                column("frames", pa.int32(), "frames that were stored"),
                column("live_s", pa.float32(), "seconds that frames show, which are not frozen"),
                column("frozen_s", pa.float32(), "seconds in which the same picture came again and again"),
                column("stale_s", pa.float32(), "seconds in which the operator's server held no new picture"),
                column("placeholder_s", pa.float32(), "seconds of the operator's placeholder"),
                column("offline_s", pa.float32(), "seconds without any answer"),
                column("moved_s", pa.float32(), "seconds in which the camera was turning"),
                column("not_masked_s", pa.float32(), "seconds whose frames could not be masked, and were not stored"),
                column("not_collected_s", pa.float32(), "seconds in which no collector ran, or had no room"),
                column("missed_s", pa.float32(), "seconds whose frames were missed or set aside"),
                column("no_frames_s", pa.float32(), "seconds without frames for no known reason"),
                _COVERAGE,
                column("longest_gap_s", pa.float32(), "longest time without a frame that shows something new, s"),
                _number("frames_per_s", "frames a second of the time that was seen; null without frames"),
                _number("lag_p50_s", "from capture to fetching, median, s; null without frames"),
                _number("lag_p95_s", "its 95th percentile, s"),
                column("views", pa.int16(), "views that its frames show; more than one where the camera was turned"),
            ]
        ),
    ),
    TableSpec(
        "passages",
        "One row a vehicle that passed the camera's line, the fragments of its track put together.",
        "camera_hour",
        pa.schema(
            [
                column("track_id", pa.string(), "of its first fragment"),
                column("track_ids", pa.list_(pa.field("element", pa.string(), False)), "of all its fragments, in order of time"),
                CAMERA_ID,
                column("passed_at", TIME, "when it passed the middle of what the camera sees of its way, UTC: decides the bin"),
                _number(
                    "beyond_m", "how far beyond the camera's pole it was then, m; negative before it; null where not calibrated"
                ),
                _CARRIAGEWAY,
                column("label", pa.string(), "car, bus, truck or motorcycle: the vote of all its detections"),
                column("label_probability", pa.float32(), "that the label is right, 0..1, as the city's confusion has it"),
                _number("speed_kmh", "km/h; null where the camera is not calibrated"),
                _number("speed_kmh_error", "its standard error, km/h"),
                column("first_seen", TIME, "UTC"),
                column("last_seen", TIME, "UTC"),
                column("model", pa.string(), "as the tracks have it"),
            ]
        ),
    ),
    TableSpec(
        "vehicles_in_view",
        "Vehicles where a camera sees them best, by carriageway and quarter of an hour: a second counter, which follows none.",
        "camera_hour",
        pa.schema(
            [
                CAMERA_ID,
                _CARRIAGEWAY,
                _BEGAN_AT,
                column("vehicle_s", pa.float32(), "sum over its frames of the vehicles there times the seconds it stands for"),
                _number("dwell_s", "how long a vehicle is seen there on average, s; null where too few were followed to know"),
            ]
        ),
    ),
    TableSpec(
        "camera_flows",
        "The movements that were found in a camera's picture: from which approach to which exit, and by which way.",
        "camera_hour",
        pa.schema(
            [
                CAMERA_ID,
                _VIEW,
                column("hour_view", pa.string(), "the same view as this hour's tracks name it"),
                column("began_at", TIME, "beginning of the hour, UTC"),
                _APPROACH,
                _EXIT,
                _TURN,
                column(
                    "tracks", pa.float32(), "the sum of the probabilities of its tracks, joined where they are of one vehicle"
                ),
                column("unassigned", pa.float32(), "of the view's vehicles that moved the share of which nothing is known, 0..1"),
                column("path_x", pa.list_(pa.field("element", pa.float32(), False)), "its most usual way, px of the view"),
                column("path_y", pa.list_(pa.field("element", pa.float32(), False)), "px"),
            ]
        ),
    ),
    TableSpec(
        "movements_seen",
        "Vehicles by movement, label and quarter of an hour, as they were seen; of those that had any.",
        "camera_hour",
        pa.schema(
            [
                CAMERA_ID,
                _VIEW,
                _APPROACH,
                _EXIT,
                _TURN,
                _LABEL,
                _BEGAN_AT,
                column("followed", pa.float32(), "the sum of the probabilities of vehicles that were followed"),
                column("shared", pa.float32(), "the same with those of whose way too little was seen, as the others went there"),
                column("whole", pa.float32(), "the same of those that were seen from where they came in to where they left"),
                column("variance", pa.float32(), "of shared, by what is not known of each vehicle's movement"),
            ]
        ),
    ),
    TableSpec(
        "queues_seen",
        "Who stood on an approach by quarter of an hour, also where nobody did; and for how long its view was shown.",
        "camera_hour",
        pa.schema(
            [
                CAMERA_ID,
                _VIEW,
                _APPROACH,
                _BEGAN_AT,
                column("seen_s", pa.float32(), "seconds that frames of the view stand for"),
                column("stops", pa.float32(), "vehicles that came to stand, by their probabilities"),
                column("stood_s", pa.float32(), "for how long, together, s"),
                column("longest_queue", pa.float32(), "vehicles that stood at once, in the frame that showed most"),
            ]
        ),
    ),
]

BY_DAY = [
    TableSpec(
        "bins",
        "The quarters of an hour of a local day: 96 as a rule, 92 or 100 where clocks change.",
        "day",
        pa.schema(
            [
                _BEGAN_AT,
                _LOCAL_AT,
                column("local_date", pa.date32(), "by the campaign's clock"),
                column("local_time", pa.string(), "of its beginning: 13:15"),
                column("utc_offset_min", pa.int16(), "of the local time, minutes"),
                column("weekday", pa.int16(), "1 is Monday"),
                column("holiday", pa.string(), "its name, by the campaign's country; null on other days", True),
                column("period", pa.string(), f"{', '.join(PERIODS[:-1])} or weekend"),
            ]
        ),
    ),
    TableSpec(
        "anomalies",
        "Times in which a camera's figures are not what they seem: those that the campaign names, and those that were found.",
        "day",
        pa.schema(
            [
                CAMERA_ID,
                column("carriageway", pa.string(), "null: of all", True),
                column("label", pa.string(), "null: of all", True),
                column("began_at", TIME, "UTC"),
                column("ended_at", TIME, "UTC"),
                column("kind", pa.string(), "frozen, moved, no_vehicles, counters_disagree, flow_balance or declared"),
                column("problem", pa.string(), "do-not-use, questionable or caveat"),
                column("investigation", pa.string(), "auto, suspected, confirmed or dismissed"),
                column("note", pa.string(), "one sentence"),
            ]
        ),
    ),
    TableSpec(
        "vehicle_counts",
        "Vehicles that passed a camera's line, by carriageway, label and quarter of an hour: a complete grid.",
        "day",
        pa.schema(
            [
                CAMERA_ID,
                _CARRIAGEWAY,
                column("label", pa.string(), "car, bus, truck or motorcycle"),
                _BEGAN_AT,
                _LOCAL_AT,
                column("vehicles", pa.int64(), "counted; null where nothing was seen, or frames came too seldom", True),
                _number("expanded", "vehicles over coverage; null where less than half was seen"),
                _number("lower", "end of the 90 % interval of expanded"),
                _number("upper", "its other end"),
                _COVERAGE,
                _STATUS,
                _NOTE,
            ]
        ),
        former=("observed_s",),
    ),
    TableSpec(
        "flows",
        "Vehicles of all labels by camera, carriageway and quarter of an hour, beside a second count and the neighbour's.",
        "day",
        pa.schema(
            [
                CAMERA_ID,
                _CARRIAGEWAY,
                _BEGAN_AT,
                _LOCAL_AT,
                column("vehicles", pa.int64(), "counted; null where nothing was seen, or frames came too seldom", True),
                _number("expanded", "vehicles over coverage; null where less than half was seen"),
                _number("lower", "end of the 90 % interval of expanded"),
                _number("upper", "its other end"),
                _number("flow_per_h", "vehicles an hour of the time that was seen"),
                _number("in_view_count", "the second count: vehicles in view times the time over the mean dwell; follows nobody"),
                _number("disagreement", "(in_view_count - vehicles) / vehicles"),
                _number(
                    "balance", "expanded over that of the camera before, or of those that come together here; null at the first"
                ),
                _number("heavy_share", "buses and trucks of all, corrected for the labels that are confused"),
                _number("heavy_lower", "end of its 90 % interval"),
                _number("heavy_upper", "its other end"),
                _number("directional_share", "this carriageway's of both"),
                _number("peak_hour_factor", "of the clock hour: its flow over four times its largest quarter's"),
                _COVERAGE,
                _STATUS,
                _NOTE,
            ]
        ),
    ),
    TableSpec(
        "turning_movements",
        "Vehicles by approach, exit, label and quarter of an hour, of the movements that were found in a camera's views.",
        "day",
        pa.schema(
            [
                CAMERA_ID,
                _VIEW,
                _APPROACH,
                _EXIT,
                _TURN,
                _LABEL,
                _BEGAN_AT,
                _LOCAL_AT,
                _number("vehicles", "that were followed, each by its probability; null where nothing was seen of the view"),
                _number(
                    "estimated",
                    "with those of whose way too little was seen, over the share of the time seen; null below half of it, and "
                    "where too few were seen whole",
                ),
                _number(
                    "error",
                    "standard error of estimated: of what is not known of ways, and of what passed unseen; not the detector's",
                ),
                _number("lower", "end of its 90 % interval, the counter's own error included; null where nobody measured that"),
                _number("upper", "its other end"),
                _number(
                    "seen_whole",
                    "of the day's vehicles of the movement, of all labels, the share seen from end to end; null of none",
                ),
                column("coverage", pa.float32(), "share of the time in which the view was seen, 0..1"),
                _STATUS,
                _NOTE,
            ]
        ),
    ),
    TableSpec(
        "approach_queues",
        "Vehicles that stood on an approach, for how long, and how many at once, by quarter of an hour: so many at least.",
        "day",
        pa.schema(
            [
                CAMERA_ID,
                _VIEW,
                _APPROACH,
                _BEGAN_AT,
                _LOCAL_AT,
                _number("stops", "vehicles that came to stand for 3 s or more; null where nothing was seen of the view"),
                _number("stops_expanded", "over the share of the time that was seen; null where status says so"),
                _number("mean_stood_s", "how long each stood, s; null where nobody did"),
                _number("longest_queue", "vehicles that stood at once, in the frame that showed most; hidden ones are missing"),
                column("coverage", pa.float32(), "share of the time in which the view was seen, 0..1"),
                _STATUS,
                _NOTE,
            ]
        ),
    ),
    TableSpec(
        "speeds",
        "Speeds at a camera's line by carriageway and quarter of an hour; null where the camera is not calibrated.",
        "day",
        pa.schema(
            [
                CAMERA_ID,
                _CARRIAGEWAY,
                _BEGAN_AT,
                _LOCAL_AT,
                column("vehicles", pa.int64(), "whose speed is known; null where nothing was seen", True),
                _number(
                    "space_mean_kmh",
                    "harmonic mean, which is the mean over a stretch of road; the slowest twentieth counts with its end",
                ),
                _number("p15_kmh", "15th percentile"),
                _number("p50_kmh", "median"),
                _number("p85_kmh", "85th percentile"),
                _number("error_kmh", "standard error of the space mean, the calibration's included"),
                _COVERAGE,
                _STATUS,
                _NOTE,
            ]
        ),
    ),
    TableSpec(
        "travel_times",
        "Travel time from passing one camera to passing the next, by quarter of an hour of arrival, weighted by probability.",
        "day",
        pa.schema(
            [
                _FROM,
                _TO,
                column("carriageway", pa.string(), "of the way: N, S, E or W; onward or back where its road has no one of them"),
                _BEGAN_AT,
                _LOCAL_AT,
                column("metres", pa.float32(), "between the cameras, m"),
                column("vehicles", pa.int64(), "matches that were chosen; null where one of the cameras saw nothing", True),
                _number("effective", "how many certain ones they are worth: (sum of p) squared over the sum of p squared"),
                _number("match_rate_down", "of the vehicles that passed the second camera"),
                _number("match_rate_up", "of those that passed the first"),
                _number("mean_s", "s"),
                *(_number(f"p{p}_s", f"{p}th percentile, s") for p in (5, 15, 25)),
                _number("median_s", "s"),
                *(_number(f"p{p}_s", f"{p}th percentile, s") for p in (75, 80, 85, 95)),
                _number("median_lower_s", "end of the median's 90 % interval, by order statistics"),
                _number("median_upper_s", "its other end"),
                _number("space_mean_kmh", "metres over the mean time"),
                _number("mean_probability", "of the matches, 0..1"),
                _number("filtered_share", "of the matches that Dion and Rakha's filter sets aside"),
                _number("filtered_median_s", "median of those it leaves, s"),
                _COVERAGE,
                _STATUS,
                _NOTE,
            ]
        ),
        former=("median_kmh",),
    ),
    TableSpec(
        "corridor_speeds",
        "Speed between neighbouring cameras by five minutes: the space-time diagram. Not to be published.",
        "day",
        pa.schema(
            [
                _CORRIDOR,
                column("carriageway", pa.string(), "N, S, E or W"),
                _FROM,
                _TO,
                column("from_m", pa.float32(), "place of the first along the corridor, m from its first camera"),
                column("to_m", pa.float32(), "place of the second"),
                column("began_at", TIME, "beginning of the five minutes, UTC"),
                _LOCAL_AT,
                column("vehicles", pa.int64(), "matches that were chosen; null where one of the cameras saw nothing", True),
                _number("speed_kmh", "metres over the mean time"),
                _COVERAGE,
                _STATUS,
                column("missing", pa.string(), "what most of the time that was not seen went to, as coverage names it", True),
            ]
        ),
    ),
    TableSpec(
        "reliability",
        "How far travel times can be relied on, over the 28 days that end with this one, by FHWA's periods. Gaps are not filled.",
        "day",
        pa.schema(
            [
                _CORRIDOR,
                column("carriageway", pa.string(), "N, S, E or W"),
                _FROM,
                column("to_camera_id", pa.string(), "where it ends: the next camera, or the corridor's last"),
                column("period", pa.string(), "am (6-10), midday (10-16), pm (16-20), Monday to Friday; weekend (6-20); all"),
                column("first_day", pa.date32(), "of the window that has any bin"),
                column("days", pa.int32(), "that have any bin"),
                column("bins", pa.int32(), "quarters of an hour that have a travel time"),
                column("bins_possible", pa.int32(), "quarters of an hour of the period on these days"),
                _number("free_flow_s", "15th percentile of all quarters of the window, s"),
                _number("mean_s", "of the quarters' means, s"),
                _number("p50_s", "s"),
                _number("p80_s", "s"),
                _number("p95_s", "s"),
                _number("tti", "travel time index: mean over free flow"),
                _number("pti", "planning time index: 95th percentile over free flow; null below ten days"),
                _number("buffer_index", "95th percentile less the mean, over the mean; null below ten days"),
                _number("lottr", "80th over 50th percentile: the federal ratio, over this window and not a year"),
                column(
                    "status", pa.string(), "observed; insufficient, and no index is told, where a quarter of the bins is missing"
                ),
            ]
        ),
    ),
    TableSpec(
        "corridor_od",
        "Where vehicles were first and last seen, by hour of their first sight.",
        "day",
        pa.schema(
            [
                _CORRIDOR,
                column("origin", pa.string(), "the first camera of their journey"),
                column("destination", pa.string(), "its last camera"),
                column("began_at", TIME, "beginning of the hour, UTC"),
                _LOCAL_AT,
                column("journeys", pa.int64(), "that were followed all the way"),
                _number(
                    "expanded",
                    "the same with those that were lost on the way, by the match rates of its parts; null where one is not known",
                ),
                _number("match_rate", "journeys over expanded"),
            ]
        ),
    ),
    TableSpec(
        "segment_performance",
        "Distance driven, hours spent and hours lost between neighbouring cameras, by quarter of an hour.",
        "day",
        pa.schema(
            [
                _FROM,
                _TO,
                column("carriageway", pa.string(), "N, S, E or W"),
                _BEGAN_AT,
                _LOCAL_AT,
                _number("vehicles", "expanded, at the second camera"),
                _number("vehicle_km", "vehicles times the distance"),
                _number("vehicle_h", "vehicles times the mean travel time"),
                _number("delay_h", "vehicle hours lost against 60 km/h"),
                _number("speed_kmh", "vehicle_km over vehicle_h"),
                _STATUS,
            ]
        ),
    ),
    TableSpec(
        "data_quality",
        "What a camera's figures of a local day are worth, by FHWA's six measures, and what was excluded.",
        "day",
        pa.schema(
            [
                CAMERA_ID,
                column("local_date", pa.date32(), "by the campaign's clock"),
                column(
                    "verdict",
                    pa.string(),
                    "the first that holds: network_down, camera_down, insufficient, frozen, moved, counters_disagree or good",
                ),
                *(column(f"bins_{status}", pa.int32(), f"quarters of an hour that are {status}") for status in STATUSES),
                _number("accuracy", "mean disagreement of the two counters; null where there is nothing to compare"),
                column("completeness", pa.float32(), "share of the quarters that are observed or expanded"),
                _number("validity", "share of the quarters with data over which no anomaly lies"),
                _number("timeliness_s", "95th percentile of the time from capture to fetching, s"),
                _COVERAGE,
                column("accessibility", pa.float32(), "share of the hours with frames whose passages can still be asked for"),
                column("excluded", pa.string(), "what was left out of the figures, and why; empty where nothing"),
                column("models", pa.string(), "the detector and tracker that the figures rest on; empty without any"),
            ]
        ),
    ),
    TableSpec(
        "throughput",
        "What the pipeline itself took, by asset and UTC hour of the frames, as it was last made.",
        "day",
        pa.schema(
            [
                column("asset", pa.string(), "the table that was made"),
                column("began_at", TIME, "the hour, UTC"),
                column("partitions", pa.int32(), "that were made"),
                column("rows", pa.int64(), "in them"),
                column("bytes", pa.int64(), "of their files"),
                column("seconds", pa.float32(), "that making them took, s of one run's time"),
            ]
        ),
    ),
]
