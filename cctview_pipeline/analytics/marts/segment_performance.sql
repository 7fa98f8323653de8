-- One row a way between neighbouring cameras and quarter of an hour: vehicles that passed its end (flows.expanded), the distance
-- they drove, the hours they spent and the hours they lost against 60 km/h (PeMS calls these VMT, VHT and delay). Sums over
-- quarters that are null are too small: add up only what is observed or expanded.
-- Where several ways come together, each has of the vehicles the share that it has of those that were timed.
WITH ways AS (
    SELECT t.*, e.enters, CASE WHEN e.only_in THEN 1
           ELSE t.vehicles / nullif(sum(t.vehicles) OVER (PARTITION BY e.to_camera_id, e.enters, t.began_at), 0) END AS share
    FROM travel_times t JOIN edges e USING (from_camera_id, to_camera_id)
), driven AS (
    SELECT w.*, w.share * f.expanded AS passed FROM ways w
    LEFT JOIN flows f ON f.camera_id = w.to_camera_id AND f.carriageway = w.enters AND f.began_at = w.began_at
)
SELECT from_camera_id, to_camera_id, carriageway, began_at, local_at, passed AS vehicles,
       passed * metres / 1000 AS vehicle_km,
       passed * mean_s / 3600 AS vehicle_h,
       passed * greatest(0, mean_s - metres / (60 / 3.6)) / 3600 AS delay_h,
       space_mean_kmh AS speed_kmh,
       status
FROM driven
ORDER BY from_camera_id, to_camera_id, began_at
