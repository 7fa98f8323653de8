-- One row a way between neighbouring cameras and quarter of an hour: vehicles that passed its end (flows.expanded), the distance
-- they drove, the hours they spent and the hours they lost against 60 km/h (PeMS calls these VMT, VHT and delay). Sums over
-- quarters that are null are too small: add up only what is observed or expanded.
SELECT t.from_camera_id, t.to_camera_id, t.carriageway, t.began_at, t.local_at, f.expanded AS vehicles,
       f.expanded * t.metres / 1000 AS vehicle_km,
       f.expanded * t.mean_s / 3600 AS vehicle_h,
       f.expanded * greatest(0, t.mean_s - t.metres / (60 / 3.6)) / 3600 AS delay_h,
       t.space_mean_kmh AS speed_kmh,
       t.status
FROM travel_times t
LEFT JOIN flows f ON f.camera_id = t.to_camera_id AND f.carriageway = t.carriageway AND f.began_at = t.began_at
ORDER BY t.from_camera_id, t.to_camera_id, t.began_at
