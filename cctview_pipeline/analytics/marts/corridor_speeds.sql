-- One row a way between neighbouring cameras and five minutes of arrival: the space-time diagram. Bins so short may tell of single
-- vehicles, and are not published. Speed is the space mean: the distance over the mean time, weighted by probability.
WITH told AS (
    SELECT from_camera_id, to_camera_id, time_bucket(INTERVAL 5 MINUTE, arrived_at) AS began_at, count(*) AS vehicles,
           sum(p * seconds) / sum(p) AS mean_s
    FROM timed GROUP BY ALL
), cells AS (
    SELECT edges.*, g.began_at + INTERVAL (5 * part) MINUTE AS began_at, g.began_at AS quarter, least(g.counted, s.counted) AS counted,
           CASE WHEN g.counted <= s.counted THEN g.camera_id ELSE s.camera_id END AS worse
    FROM edges
    JOIN grid g ON g.camera_id = edges.to_camera_id AND g.carriageway = edges.enters
    JOIN grid s ON s.camera_id = edges.from_camera_id AND s.carriageway = edges.leaves AND s.began_at = g.began_at
    CROSS JOIN (SELECT unnest([0, 1, 2]) AS part)
), graded AS (SELECT *, status_of(counted, false) AS status FROM cells)
SELECT c.corridor, c.carriageway, c.from_camera_id, c.to_camera_id, c.from_m, c.to_m, c.began_at, fives.local_at,
       CASE WHEN c.counted > 0 THEN coalesce(t.vehicles, 0) END AS vehicles,
       CASE WHEN usable(status) THEN 3.6 * c.metres / t.mean_s END AS speed_kmh,
       c.counted AS coverage, c.status,
       CASE WHEN c.counted < getvariable('min_observed') THEN coalesce(lost.what, 'no_frames') END AS missing
FROM graded c
JOIN fives ON fives.began_at = c.began_at
LEFT JOIN told t ON t.from_camera_id = c.from_camera_id AND t.to_camera_id = c.to_camera_id AND t.began_at = c.began_at
LEFT JOIN lost ON lost.camera_id = c.worse AND lost.began_at = c.quarter
ORDER BY c.corridor, c.carriageway, c.from_m, c.began_at
