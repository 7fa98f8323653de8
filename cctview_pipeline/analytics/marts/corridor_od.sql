-- One row a pair of cameras and UTC hour: vehicles whose journey began at the one in that hour and ended at the other. A journey
-- ends where the next match was not found, so most real ones are cut: expanded counts each with one over the product of the match
-- rates of the ways that it took, which holds where losing a vehicle does not depend on where it goes.
WITH legs AS (
    SELECT journey_id, leg, arg_min(camera_id, entered_at) AS camera_id, min(entered_at) AS entered_at FROM journeys GROUP BY ALL
), trips AS (
    SELECT journey_id, arg_min(camera_id, leg) AS origin, arg_max(camera_id, leg) AS destination,
           date_trunc('hour', min(entered_at)) AS hour
    FROM legs GROUP BY journey_id
    HAVING min(leg) = 0 AND max(leg) > 0
        AND min(entered_at) >= getvariable('day_begin') AND min(entered_at) < getvariable('day_end')
), steps AS (
    SELECT journey_id, lag(camera_id) OVER (PARTITION BY journey_id ORDER BY leg) AS from_camera_id, camera_id AS to_camera_id FROM legs
), rates AS (
    SELECT t.from_camera_id, t.to_camera_id, date_trunc('hour', t.arrived_at) AS hour,
           count(*) / nullif(any_value(n.vehicles), 0) AS rate
    FROM timed t
    JOIN (SELECT camera_id, carriageway, date_trunc('hour', passed_at) AS hour, count(*) AS vehicles FROM passages GROUP BY ALL) n
        ON n.camera_id = t.to_camera_id AND n.carriageway = t.enters AND n.hour = date_trunc('hour', t.arrived_at)
    GROUP BY ALL
), weighed AS (
    SELECT trips.journey_id, origin, destination, trips.hour, CASE WHEN count(rate) = count(*) THEN exp(-sum(ln(rate))) END AS weight
    FROM trips JOIN steps ON steps.journey_id = trips.journey_id AND steps.from_camera_id IS NOT NULL
    LEFT JOIN rates r ON r.from_camera_id = steps.from_camera_id AND r.to_camera_id = steps.to_camera_id AND r.hour = trips.hour
    GROUP BY ALL
), pairs AS (
    SELECT origin, destination, hour, count(*) AS journeys, CASE WHEN count(weight) = count(*) THEN sum(weight) END AS expanded
    FROM weighed GROUP BY ALL
), shared AS (
    SELECT o.camera_id AS origin, d.camera_id AS destination, min(corridor) AS corridor
    FROM stops o JOIN stops d USING (corridor) GROUP BY ALL
)
SELECT coalesce(shared.corridor, '') AS corridor, p.origin, p.destination, p.hour AS began_at, bins.local_at, p.journeys,
       p.expanded, p.journeys / p.expanded AS match_rate
FROM pairs p LEFT JOIN shared USING (origin, destination)
JOIN bins ON bins.began_at = greatest(p.hour, getvariable('day_begin'))
ORDER BY ALL
