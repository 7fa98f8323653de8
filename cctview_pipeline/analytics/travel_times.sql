-- Travel time between neighbouring cameras per quarter of an hour, from the matches that were chosen. counted.py turns
-- this rule around: who changes one changes both.
SELECT
    gallery_camera_id AS from_camera_id,
    camera_id AS to_camera_id,
    time_bucket(INTERVAL 15 MINUTE, first_seen) AS began_at,
    count(*) AS vehicles,
    median(gap_s)::FLOAT AS median_s,
    quantile_cont(gap_s, 0.15)::FLOAT AS p15_s,
    quantile_cont(gap_s, 0.85)::FLOAT AS p85_s,
    median(implied_speed_kmh)::FLOAT AS median_kmh,
    avg(probability)::FLOAT AS mean_probability
FROM matches
JOIN tracks ON tracks.track_id = matches.query_track_id
WHERE assigned
GROUP BY ALL
ORDER BY ALL
