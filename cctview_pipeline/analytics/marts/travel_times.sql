-- One row a way between neighbouring cameras and quarter of an hour of arrival. The time is from passing the one camera to passing
-- the other (passages.passed_at), brought to the way from pole to pole, so that its length is the cameras' distance. Every match
-- counts with its probability; quantiles are those of the weighted times, and the median's interval is that of its order statistics
-- with `effective` of them.
-- filtered: what the window of Dion and Rakha (2006), which knows no probability, sets aside of the same matches.
-- Caveat: the matcher believes usual times more readily than odd ones, so the 95th percentile is too small (known bias).
WITH binned AS (
    SELECT *, time_bucket(INTERVAL 15 MINUTE, arrived_at) AS began_at FROM timed
), cumulated AS (
    SELECT *, sum(p) OVER (bin ORDER BY seconds, later_id) AS upto, sum(p) OVER bin AS mass,
           pow(sum(p) OVER bin, 2) / sum(p * p) OVER bin AS certain
    FROM binned WINDOW bin AS (PARTITION BY from_camera_id, to_camera_id, began_at)
), told AS (
    SELECT from_camera_id, to_camera_id, began_at, count(*) AS vehicles, any_value(certain) AS effective,
           sum(p * seconds) / sum(p) AS mean_s, avg(p) AS mean_probability,
           avg((NOT kept)::INT) AS filtered_share, median(seconds) FILTER (WHERE kept) AS filtered_median_s,
           min(seconds) FILTER (WHERE upto >= 0.05 * mass) AS p5_s,
           min(seconds) FILTER (WHERE upto >= 0.15 * mass) AS p15_s,
           min(seconds) FILTER (WHERE upto >= 0.25 * mass) AS p25_s,
           min(seconds) FILTER (WHERE upto >= 0.5 * mass) AS median_s,
           min(seconds) FILTER (WHERE upto >= 0.75 * mass) AS p75_s,
           min(seconds) FILTER (WHERE upto >= 0.8 * mass) AS p80_s,
           min(seconds) FILTER (WHERE upto >= 0.85 * mass) AS p85_s,
           min(seconds) FILTER (WHERE upto >= 0.95 * mass) AS p95_s,
           min(seconds) FILTER (WHERE upto >= mass * greatest(0, 0.5 - 0.8225 / sqrt(certain))) AS median_lower_s,
           min(seconds) FILTER (WHERE upto >= mass * least(0.9999, 0.5 + 0.8225 / sqrt(certain))) AS median_upper_s
    FROM cumulated GROUP BY ALL
), passed AS (
    SELECT camera_id, carriageway, time_bucket(INTERVAL 15 MINUTE, passed_at) AS began_at, count(*) AS vehicles
    FROM passages GROUP BY ALL
), gone AS (
    SELECT from_camera_id, to_camera_id, time_bucket(INTERVAL 15 MINUTE, left_at) AS began_at, count(*) AS vehicles
    FROM timed GROUP BY ALL
), cells AS (
    SELECT edges.*, g.began_at, g.ended_at, g.local_at, least(g.counted, s.counted) AS counted,
           EXISTS (
               SELECT 1 FROM declared WHERE declared.label IS NULL
               AND ((declared.camera_id = edges.from_camera_id AND coalesce(declared.carriageway, edges.leaves) = edges.leaves)
                    OR (declared.camera_id = edges.to_camera_id AND coalesce(declared.carriageway, edges.enters) = edges.enters))
               AND declared.began_at < g.ended_at AND declared.ended_at > g.began_at
           ) AS flagged
    FROM edges
    JOIN grid g ON g.camera_id = edges.to_camera_id AND g.carriageway = edges.enters
    JOIN grid s ON s.camera_id = edges.from_camera_id AND s.carriageway = edges.leaves AND s.began_at = g.began_at
), graded AS (SELECT *, status_of(counted, flagged) AS status FROM cells)
SELECT c.from_camera_id, c.to_camera_id, c.carriageway, c.began_at, c.local_at, c.metres,
       CASE WHEN c.counted > 0 THEN coalesce(t.vehicles, 0) END AS vehicles,
       t.effective,
       CASE WHEN c.counted > 0 THEN coalesce(t.vehicles, 0) / nullif(d.vehicles, 0) END AS match_rate_down,
       CASE WHEN c.counted > 0 THEN coalesce(gone.vehicles, 0) / nullif(u.vehicles, 0) END AS match_rate_up,
       CASE WHEN usable(status) THEN t.mean_s END AS mean_s,
       CASE WHEN usable(status) THEN t.p5_s END AS p5_s,
       CASE WHEN usable(status) THEN t.p15_s END AS p15_s,
       CASE WHEN usable(status) THEN t.p25_s END AS p25_s,
       CASE WHEN usable(status) THEN t.median_s END AS median_s,
       CASE WHEN usable(status) THEN t.p75_s END AS p75_s,
       CASE WHEN usable(status) THEN t.p80_s END AS p80_s,
       CASE WHEN usable(status) THEN t.p85_s END AS p85_s,
       CASE WHEN usable(status) THEN t.p95_s END AS p95_s,
       CASE WHEN usable(status) THEN t.median_lower_s END AS median_lower_s,
       CASE WHEN usable(status) THEN t.median_upper_s END AS median_upper_s,
       CASE WHEN usable(status) THEN 3.6 * c.metres / t.mean_s END AS space_mean_kmh,
       t.mean_probability, t.filtered_share,
       CASE WHEN usable(status) THEN t.filtered_median_s END AS filtered_median_s,
       c.counted AS coverage, status,
       CASE WHEN t.vehicles < 10 THEN 'fewer than ten matches' END AS quality_note
FROM graded c
LEFT JOIN told t USING (from_camera_id, to_camera_id, began_at)
LEFT JOIN passed d ON d.camera_id = c.to_camera_id AND d.carriageway = c.enters AND d.began_at = c.began_at
LEFT JOIN passed u ON u.camera_id = c.from_camera_id AND u.carriageway = c.leaves AND u.began_at = c.began_at
LEFT JOIN gone ON gone.from_camera_id = c.from_camera_id AND gone.to_camera_id = c.to_camera_id AND gone.began_at = c.began_at
ORDER BY c.from_camera_id, c.to_camera_id, c.began_at
