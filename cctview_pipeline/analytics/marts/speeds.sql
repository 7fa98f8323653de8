-- One row a camera, carriageway and quarter of an hour: speeds of the vehicles that passed the line and whose speed is known.
-- The space mean is the harmonic mean, n / sum(1 / v): the mean over a stretch of road, and not over a point. A few vehicles whose
-- boxes stood still would decide it, so that the slowest twentieth counts with the 5th percentile. error_kmh holds what
-- n vehicles leave open and the calibration's error, which all of them share and which no number of vehicles makes smaller.
WITH known AS (
    SELECT camera_id, carriageway, time_bucket(INTERVAL 15 MINUTE, passed_at) AS began_at, speed_kmh, speed_kmh_error
    FROM passages WHERE speed_kmh > 0
), slowest AS (
    SELECT camera_id, carriageway, began_at, quantile_cont(speed_kmh, 0.05) AS p5_kmh FROM known GROUP BY ALL
), measured AS (
    SELECT camera_id, carriageway, began_at, count(*) AS vehicles, count(*) / sum(1 / greatest(speed_kmh, p5_kmh)) AS space_mean_kmh,
           quantile_cont(speed_kmh, 0.15) AS p15_kmh, median(speed_kmh) AS p50_kmh, quantile_cont(speed_kmh, 0.85) AS p85_kmh,
           sqrt(coalesce(var_samp(speed_kmh), 0) / count(*) + pow(avg(speed_kmh_error), 2)) AS error_kmh
    FROM known JOIN slowest USING (camera_id, carriageway, began_at) GROUP BY ALL
), told AS (
    SELECT grid.*, status_of(counted, EXISTS (
        SELECT 1 FROM declared WHERE declared.camera_id = grid.camera_id AND declared.label IS NULL
        AND coalesce(declared.carriageway, grid.carriageway) = grid.carriageway
        AND declared.began_at < grid.ended_at AND declared.ended_at > grid.began_at)) AS status
    FROM grid
)
SELECT camera_id, carriageway, began_at, local_at, CASE WHEN counted > 0 THEN coalesce(vehicles, 0) END AS vehicles,
       CASE WHEN usable(status) THEN space_mean_kmh END AS space_mean_kmh,
       CASE WHEN usable(status) THEN p15_kmh END AS p15_kmh,
       CASE WHEN usable(status) THEN p50_kmh END AS p50_kmh,
       CASE WHEN usable(status) THEN p85_kmh END AS p85_kmh,
       CASE WHEN usable(status) THEN error_kmh END AS error_kmh,
       counted AS coverage, status, note AS quality_note
FROM told LEFT JOIN measured USING (camera_id, carriageway, began_at)
ORDER BY camera_id, carriageway, began_at
