-- What became of every live camera: its last state, the share of the time it was live, and why frames are missing.
WITH last AS (
    SELECT camera_id, arg_max(state, began_at) AS state, max(began_at) AS since,
           sum(epoch(ended_at - began_at)) / 3600 AS hours,
           sum(epoch(ended_at - began_at)) FILTER (WHERE state = 'live') / sum(epoch(ended_at - began_at)) AS live
    FROM camera_status GROUP BY camera_id
), reason AS (
    SELECT camera_id, reason, sum(epoch(ended_at - began_at)) AS seconds FROM gaps GROUP BY camera_id, reason
), missing AS (
    SELECT camera_id, sum(seconds) AS missing,
           string_agg(reason || ' ' || round(seconds)::INT || ' s', chr(10) ORDER BY seconds DESC) AS reasons
    FROM reason GROUP BY camera_id
), taken AS (
    SELECT camera_id, count(*) AS frames FROM raw_frames GROUP BY camera_id
)
SELECT last.camera_id AS camera, state, since, hours, coalesce(live, 0) AS live, coalesce(frames, 0) AS frames,
       coalesce(missing, 0) AS missing, reasons
FROM last LEFT JOIN missing USING (camera_id) LEFT JOIN taken USING (camera_id) ORDER BY camera
