-- One row a camera, carriageway and quarter of an hour of the campaign's window, over all labels. Beside the count at the line
-- (vehicles) stand a count that follows nobody, by Little's law (in_view_count: vehicle seconds in view over the mean dwell), and
-- the count of the camera before (balance), or of those before whose traffic comes together here; none where it parts on its way.
-- Where no ramp lies between, the three differ by their errors only.
-- heavy_share: buses and trucks of all, over what the city's truth says of the share that is counted; its interval is Wilson's, and
-- holds how much that varies from quarter to quarter. peak_hour_factor and directional_share: Highway Capacity Manual.
WITH counted AS (
    SELECT camera_id, carriageway, time_bucket(INTERVAL 15 MINUTE, passed_at) AS began_at, count(*) AS vehicles,
           count(*) FILTER (WHERE label IN ('bus', 'truck')) AS heavy
    FROM passages GROUP BY ALL
), cells AS (
    SELECT grid.*, CASE WHEN grid.counted > 0 THEN coalesce(c.vehicles, 0) END AS vehicles, coalesce(c.heavy, 0) AS heavy,
           vehicle_s / nullif(dwell_s, 0) AS in_view_count,
           EXISTS (
               SELECT 1 FROM declared WHERE declared.camera_id = grid.camera_id AND declared.label IS NULL
               AND coalesce(declared.carriageway, grid.carriageway) = grid.carriageway
               AND declared.began_at < grid.ended_at AND declared.ended_at > grid.began_at
           ) AS flagged
    FROM grid
    LEFT JOIN counted c ON c.camera_id = grid.camera_id AND c.carriageway = grid.carriageway AND c.began_at = grid.began_at
    LEFT JOIN vehicles_in_view v ON v.camera_id = grid.camera_id AND v.carriageway = grid.carriageway
        AND v.began_at = grid.began_at
), told AS (
    SELECT *, status_of(counted, flagged) AS status,
           CASE WHEN usable(status_of(counted, flagged)) THEN vehicles / counted END AS expanded,
           CASE WHEN vehicles > 0 THEN heavy / vehicles END AS heavy_seen
    FROM cells
), before AS (
    SELECT to_camera_id AS camera_id, enters AS carriageway, began_at,
           CASE WHEN count(expanded) = count(*) AND bool_and(only_out) THEN sum(expanded) END AS expanded
    FROM edges JOIN told ON told.camera_id = edges.from_camera_id AND told.carriageway = edges.leaves GROUP BY ALL
), hours AS (
    SELECT camera_id, carriageway, clock_hour,
           CASE WHEN count(expanded) = 4 AND max(expanded) > 0 THEN sum(expanded) / (4 * max(expanded)) END AS peak_hour_factor
    FROM told GROUP BY ALL
), wilson AS (
    SELECT *, (heavy_seen + 2.706 / (2 * vehicles)) / (1 + 2.706 / vehicles) AS middle,
           1.645 * sqrt(heavy_seen * (1 - heavy_seen) / vehicles + 2.706 / (4 * vehicles * vehicles)) / (1 + 2.706 / vehicles) AS half,
           usable(status) AND vehicles > 0 AND known_bias('heavy_share') IS NOT NULL AS shares_known
    FROM told
)
SELECT c.camera_id, c.carriageway, c.began_at, c.local_at, c.vehicles, c.expanded,
       CASE WHEN usable(c.status) THEN lower_end(c.vehicles, c.counted, 'flows') END AS lower,
       CASE WHEN usable(c.status) THEN upper_end(c.vehicles, c.counted, 'flows') END AS upper,
       4 * c.expanded AS flow_per_h,
       CASE WHEN c.counted > 0 THEN c.in_view_count END AS in_view_count,
       CASE WHEN c.vehicles > 0 THEN (c.in_view_count - c.vehicles) / c.vehicles END AS disagreement,
       c.expanded / nullif(before.expanded, 0) AS balance,
       CASE WHEN shares_known THEN least(1, c.heavy_seen / (1 + known_bias('heavy_share'))) END AS heavy_share,
       CASE WHEN shares_known
            THEN greatest(0, (c.middle - c.half) / (1 + known_bias('heavy_share') + 1.645 * known_spread('heavy_share')))
       END AS heavy_lower,
       CASE WHEN shares_known
            THEN least(1, (c.middle + c.half) / greatest(0.1, 1 + known_bias('heavy_share') - 1.645 * known_spread('heavy_share')))
       END AS heavy_upper,
       c.expanded / nullif(c.expanded + other.expanded, 0) AS directional_share,
       hours.peak_hour_factor,
       c.counted AS coverage, c.status, c.note AS quality_note
FROM wilson c
JOIN hours USING (camera_id, carriageway, clock_hour)
LEFT JOIN before ON before.camera_id = c.camera_id AND before.carriageway = c.carriageway AND before.began_at = c.began_at
LEFT JOIN told other ON other.camera_id = c.camera_id AND other.carriageway != c.carriageway AND other.began_at = c.began_at
ORDER BY c.camera_id, c.carriageway, c.began_at
