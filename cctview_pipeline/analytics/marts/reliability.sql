-- One row a way (neighbouring cameras, or a whole corridor where every way of it has a time in the quarter) and period, over the 28
-- local days that end with this one. 23 CFR 490.511 and .509(b): periods of local time, 80th over 50th percentile of the quarters'
-- mean times, quarters that are missing are not filled, and where a quarter of them is missing no index is told. It is not the federal figure, which is of a whole year.
-- tti, pti, buffer_index: FHWA-HOP-05-018. Free flow is learned: the 15th percentile of all the window's quarters.
-- Caveat: percentiles far from the usual time are too small, as the matcher believes usual times more readily (known bias).
WITH quarters AS (
    SELECT e.corridor, t.carriageway, t.from_camera_id, t.to_camera_id, t.began_at, t.mean_s
    FROM window_times t JOIN edges e USING (from_camera_id, to_camera_id) WHERE t.mean_s IS NOT NULL
), whole AS (
    SELECT corridor, carriageway, ends.from_camera_id, ends.to_camera_id, began_at, sum(mean_s) AS mean_s
    FROM quarters JOIN ends USING (corridor, carriageway)
    GROUP BY ALL HAVING count(*) = any_value(ends.ways) AND any_value(ends.ways) > 1
), every AS (FROM quarters UNION ALL BY NAME FROM whole),
periods AS (
    SELECT began_at, local_date, unnest(CASE
        WHEN period IN ('am', 'midday', 'pm') THEN [period, 'all']
        WHEN period = 'weekend' AND local_time >= '06:00' AND local_time < '20:00' THEN ['weekend', 'all']
        ELSE ['all'] END) AS period
    FROM window_bins
), free AS (
    SELECT from_camera_id, to_camera_id, carriageway, quantile_cont(mean_s, 0.15) AS free_flow_s FROM every GROUP BY ALL
), days AS (SELECT DISTINCT from_camera_id, to_camera_id, carriageway, local_date FROM every JOIN window_bins USING (began_at)),
possible AS (
    SELECT from_camera_id, to_camera_id, carriageway, period, count(*) AS bins_possible
    FROM days JOIN periods USING (local_date) GROUP BY ALL
), told AS (
    SELECT corridor, carriageway, from_camera_id, to_camera_id, period, min(local_date) AS first_day,
           count(DISTINCT local_date) AS days, count(*) AS bins, avg(mean_s) AS mean_s, quantile_cont(mean_s, 0.5) AS p50_s,
           quantile_cont(mean_s, 0.8) AS p80_s, quantile_cont(mean_s, 0.95) AS p95_s
    FROM every JOIN periods USING (began_at) GROUP BY ALL
)
SELECT corridor, carriageway, from_camera_id, to_camera_id, period, first_day, days, bins, bins_possible, free_flow_s,
       mean_s, p50_s, p80_s, p95_s, CASE WHEN enough THEN mean_s / free_flow_s END AS tti,
       CASE WHEN enough AND days >= 10 THEN p95_s / free_flow_s END AS pti,
       CASE WHEN enough AND days >= 10 THEN (p95_s - mean_s) / mean_s END AS buffer_index,
       CASE WHEN enough THEN p80_s / p50_s END AS lottr,
       CASE WHEN enough THEN 'observed' ELSE 'insufficient' END AS status
FROM (
    SELECT *, bins >= 0.75 * bins_possible AS enough FROM told
    JOIN free USING (from_camera_id, to_camera_id, carriageway)
    JOIN possible USING (from_camera_id, to_camera_id, carriageway, period)
)
ORDER BY corridor, carriageway, from_camera_id, to_camera_id, period
