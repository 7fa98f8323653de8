-- One row a camera: what the lake holds of it. $cameras and $hours name the partitions.
WITH
frames AS (
    SELECT camera, count(*) AS frames, min(captured_at) AS first_frame, max(captured_at) AS last_frame
    FROM raw_frames WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL
),
rejected AS (SELECT camera, count(*) AS rejected FROM rejected_frames WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL),
boxes AS (SELECT camera, count(*) AS detections FROM detections WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL),
vehicles AS (SELECT camera, count(*) AS crops FROM crops WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL),
vectors AS (SELECT camera, count(*) AS features FROM features WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL),
seen AS (SELECT camera, count(quality) AS tracks, count(*) - count(quality) AS sightings FROM tracks WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL),
passed AS (SELECT camera, count(*) AS passages FROM passages WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL),
found AS (SELECT camera, count(*) AS matched FROM matches WHERE assigned AND camera IN $cameras AND hour IN $hours GROUP BY ALL)
SELECT
    chosen.camera,
    coalesce(frames, 0) AS frames,
    coalesce(rejected, 0) AS rejected,
    coalesce(detections, 0) AS detections,
    coalesce(crops, 0) AS crops,
    coalesce(features, 0) AS features,
    coalesce(tracks, 0) AS tracks,
    coalesce(sightings, 0) AS sightings,
    coalesce(passages, 0) AS passages,
    coalesce(matched, 0) AS matched,
    first_frame,
    last_frame
FROM (SELECT unnest($cameras) AS camera) AS chosen
LEFT JOIN frames USING (camera)
LEFT JOIN rejected USING (camera)
LEFT JOIN boxes USING (camera)
LEFT JOIN vehicles USING (camera)
LEFT JOIN vectors USING (camera)
LEFT JOIN seen USING (camera)
LEFT JOIN passed USING (camera)
LEFT JOIN found USING (camera)
