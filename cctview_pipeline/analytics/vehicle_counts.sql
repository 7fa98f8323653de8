-- Vehicles per camera, carriageway, label and quarter of an hour. A track counts where it began; one that goes on from
-- the hour before was counted then. Mere sightings, whose quality is unknown because frames came too seldom to follow vehicles,
-- are no count: a row of nothing else has none. counted.py turns this rule around: who changes one changes both.
WITH observed AS (
    -- Seconds in which the camera sent frames: a frame stands for the time until the next, 10 s at the most. Frames whose
    -- lifetime is over by the day's end are known by their detections, which are kept for longer.
    SELECT camera_id, time_bucket(INTERVAL 15 MINUTE, captured_at) AS began_at, sum(least(seconds, 10)) AS observed_s
    FROM (
        SELECT camera_id, captured_at,
               coalesce(epoch(lead(captured_at) OVER (PARTITION BY camera_id ORDER BY captured_at)) - epoch(captured_at), 0) AS seconds
        FROM (SELECT camera_id, captured_at FROM raw_frames UNION SELECT camera_id, captured_at FROM detections)
    )
    GROUP BY ALL
)
SELECT
    tracks.camera_id,
    coalesce(carriageway, 'unknown') AS carriageway,
    time_bucket(INTERVAL 15 MINUTE, first_seen) AS began_at,
    label,
    nullif(count(quality), 0) AS vehicles,
    any_value(observed_s)::FLOAT AS observed_s
FROM tracks
JOIN observed ON observed.camera_id = tracks.camera_id AND observed.began_at = time_bucket(INTERVAL 15 MINUTE, first_seen)
WHERE continues IS NULL
GROUP BY ALL
ORDER BY ALL
