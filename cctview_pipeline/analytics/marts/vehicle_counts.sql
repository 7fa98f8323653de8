-- One row a camera, carriageway, label and quarter of an hour of the campaign's window: a complete grid, so that a truck that did
-- not come is a 0 and one that nobody could have seen is null. Unit: vehicles that passed the camera's line (passages).
-- Expansion by 1 / coverage is Telraam's; below half nothing is said. The interval holds the counter's own error, as measured in
-- the city for all labels: a label that is often taken for another has a larger one (flows.heavy_share corrects it).
WITH counted AS (
    SELECT camera_id, carriageway, label, time_bucket(INTERVAL 15 MINUTE, passed_at) AS began_at, count(*) AS vehicles
    FROM passages GROUP BY ALL
), cells AS (
    SELECT grid.*, labels.label,
           CASE WHEN grid.counted > 0 THEN coalesce(vehicles, 0) END AS vehicles,
           EXISTS (
               SELECT 1 FROM declared WHERE declared.camera_id = grid.camera_id
               AND coalesce(declared.carriageway, grid.carriageway) = grid.carriageway
               AND coalesce(declared.label, labels.label) = labels.label
               AND declared.began_at < grid.ended_at AND declared.ended_at > grid.began_at
           ) AS flagged
    FROM grid CROSS JOIN labels
    LEFT JOIN counted ON counted.camera_id = grid.camera_id AND counted.carriageway = grid.carriageway
        AND counted.label = labels.label AND counted.began_at = grid.began_at
), told AS (SELECT *, status_of(counted, flagged) AS status FROM cells)
SELECT camera_id, carriageway, label, began_at, local_at, vehicles,
       CASE WHEN usable(status) THEN vehicles / counted END AS expanded,
       CASE WHEN usable(status) THEN lower_end(vehicles, counted, 'vehicle_counts') END AS lower,
       CASE WHEN usable(status) THEN upper_end(vehicles, counted, 'vehicle_counts') END AS upper,
       counted AS coverage, status, note AS quality_note
FROM told ORDER BY camera_id, carriageway, label, began_at
