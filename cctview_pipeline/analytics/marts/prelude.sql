-- What the statements of the marts share. Times are UTC, as TIMESTAMP without a zone.

-- The ladder of lake/marts.py.
CREATE MACRO status_of(coverage, flagged) AS CASE
    WHEN coverage IS NULL OR coverage = 0 THEN 'no_data'
    WHEN flagged THEN 'flagged'
    WHEN coverage < getvariable('min_expanded') THEN 'insufficient'
    WHEN coverage < getvariable('min_observed') THEN 'expanded'
    ELSE 'observed' END;
CREATE MACRO usable(status) AS status IN ('observed', 'expanded');

-- How far a measure is off as a rule, and how much that varies, as shares of the true value; null for models that nobody measured.
CREATE MACRO known_bias(name) AS (SELECT any_value(value) FROM bias WHERE measure = name);
CREATE MACRO known_spread(name) AS (SELECT any_value(spread) FROM bias WHERE measure = name);

-- The 90 % interval of how many passed, where n were counted in the share that was seen: what passed while nothing was seen, whose
-- arrivals are overdispersed, and the counter's own error and bias.
CREATE MACRO expanded_error(n, seen, spread) AS
    1.645 * sqrt(getvariable('dispersion') * greatest(n, 1) * (1 - seen) / (seen * seen) + pow(spread * n / seen, 2) + 0.25);
CREATE MACRO lower_end(n, seen, figure) AS CASE WHEN known_bias(figure) IS NOT NULL THEN
    greatest(0, n / seen / (1 + known_bias(figure)) - expanded_error(n, seen, known_spread(figure))) END;
CREATE MACRO upper_end(n, seen, figure) AS
    n / seen / (1 + known_bias(figure)) + expanded_error(n, seen, known_spread(figure));

-- What was seen of every camera's quarters in the campaign's window, and what can be counted of it.
CREATE VIEW seen AS
SELECT cameras.camera_id, bins.began_at, bins.ended_at, bins.local_at, bins.clock_hour, bins.period,
       coalesce(coverage.coverage, 0) AS coverage,
       coverage.frames IS NOT NULL AS accounted,
       made.camera_id IS NOT NULL AS tracked,
       coalesce(coverage.frames_per_s, 1) >= getvariable('min_frames_per_s') AS followed,
       coalesce(coverage.views, 0) > 1 AS turned
FROM cameras CROSS JOIN bins
LEFT JOIN coverage ON coverage.camera_id = cameras.camera_id AND coverage.began_at = bins.began_at
LEFT JOIN made ON made.camera_id = cameras.camera_id AND made.hour = date_trunc('hour', bins.began_at)
WHERE bins.in_window;

-- The same by carriageway: usable, where a vehicle that passed would have been counted.
CREATE VIEW grid AS
SELECT seen.*, sides.carriageway,
       CASE WHEN tracked AND followed THEN coverage ELSE 0 END AS counted,
       CASE WHEN coverage > 0 AND NOT tracked THEN 'its passages are not in the lake'
            WHEN coverage > 0 AND NOT followed THEN 'frames come too seldom to follow vehicles'
            WHEN turned THEN 'the camera was turned' END AS note
FROM seen JOIN sides USING (camera_id);

-- Matches that were chosen, as passages: the likeliest of those that the fragments of one vehicle have. A passage is a little before
-- or beyond its camera's pole (beyond_m): the time between two is brought to that from pole to pole, at the speed of the way.
CREATE MACRO pole_share(metres, longer) AS CASE WHEN longer > -metres / 2 THEN metres / (metres + longer) ELSE 1 END;
CREATE TABLE timed AS
WITH fragments AS (
    SELECT camera_id, carriageway, track_id, passed_at, beyond_m, unnest(track_ids) AS fragment FROM passages
)
SELECT edges.way, edges.from_camera_id, edges.to_camera_id, edges.enters, edges.metres, later.track_id AS later_id,
       earlier.track_id AS earlier_id, later.passed_at AS arrived_at, earlier.passed_at AS left_at,
       epoch(later.passed_at - earlier.passed_at) * pole_share(edges.metres, later.beyond_m - earlier.beyond_m) AS seconds, matches.probability::DOUBLE AS p
FROM matches
JOIN fragments AS later ON later.fragment = matches.query_track_id
JOIN fragments AS earlier ON earlier.fragment = matches.gallery_track_id
JOIN edges ON edges.from_camera_id = earlier.camera_id AND edges.to_camera_id = later.camera_id
    AND edges.leaves = earlier.carriageway AND edges.enters = later.carriageway
WHERE matches.assigned AND later.passed_at > earlier.passed_at
QUALIFY row_number() OVER (PARTITION BY later_id ORDER BY p DESC, earlier_id) = 1;

-- What most of a quarter went to that was not seen.
CREATE VIEW lost AS
SELECT camera_id, began_at, arg_max(replace(state, '_s', ''), seconds) AS what
FROM (UNPIVOT coverage ON frozen_s, stale_s, placeholder_s, offline_s, moved_s, not_masked_s, not_collected_s, missed_s, no_frames_s
      INTO NAME state VALUE seconds)
WHERE seconds > 0 GROUP BY ALL;
