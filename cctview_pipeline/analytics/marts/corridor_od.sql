-- One row a pair of cameras and UTC hour: vehicles whose journey began at the one in that hour and ended at the other. A journey
-- ends where the next match was not found, so most real ones are cut: expanded divides by the product of the ways' match rates,
-- which holds where losing a vehicle does not depend on where it goes.
WITH legs AS (
    SELECT journey_id, arg_min(camera_id, leg) AS origin, arg_max(camera_id, leg) AS destination, min(leg) AS first_leg,
           min(entered_at) AS began_at
    FROM journeys GROUP BY journey_id HAVING count(*) > 1
), rates AS (
    SELECT t.from_camera_id, t.to_camera_id, date_trunc('hour', t.arrived_at) AS hour,
           count(*) / nullif(any_value(n.vehicles), 0) AS rate
    FROM timed t
    JOIN (SELECT camera_id, carriageway, date_trunc('hour', passed_at) AS hour, count(*) AS vehicles FROM passages GROUP BY ALL) n
        ON n.camera_id = t.to_camera_id AND n.carriageway = t.carriageway AND n.hour = date_trunc('hour', t.arrived_at)
    GROUP BY ALL
), pairs AS (
    SELECT o.corridor, origin, destination, date_trunc('hour', began_at) AS hour, count(*) AS journeys,
           any_value(o.place) AS first_place, any_value(d.place) AS last_place
    FROM legs JOIN cameras o ON o.camera_id = origin JOIN cameras d ON d.camera_id = destination AND d.corridor = o.corridor
    WHERE first_leg = 0 AND began_at >= getvariable('day_begin') AND began_at < getvariable('day_end')
    GROUP BY ALL
), ways AS (
    SELECT e.*, f.place AS from_place, t.place AS to_place
    FROM edges e JOIN cameras f ON f.camera_id = e.from_camera_id JOIN cameras t ON t.camera_id = e.to_camera_id
), along AS (
    SELECT p.corridor, p.origin, p.destination, p.hour,
           CASE WHEN count(r.rate) = count(*) THEN exp(sum(ln(r.rate))) END AS match_rate
    FROM pairs p JOIN ways w ON w.corridor = p.corridor
        AND sign(w.to_place - w.from_place) = sign(p.last_place - p.first_place)
        AND least(w.from_place, w.to_place) >= least(p.first_place, p.last_place)
        AND greatest(w.from_place, w.to_place) <= greatest(p.first_place, p.last_place)
    LEFT JOIN rates r ON r.from_camera_id = w.from_camera_id AND r.to_camera_id = w.to_camera_id AND r.hour = p.hour
    GROUP BY ALL
)
SELECT p.corridor, p.origin, p.destination, p.hour AS began_at, bins.local_at, p.journeys,
       p.journeys / a.match_rate AS expanded, a.match_rate
FROM pairs p LEFT JOIN along a USING (corridor, origin, destination, hour)
JOIN bins ON bins.began_at = greatest(p.hour, getvariable('day_begin'))
ORDER BY p.corridor, p.origin, p.destination, p.hour
