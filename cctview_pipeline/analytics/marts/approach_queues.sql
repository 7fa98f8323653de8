-- One row a camera, view, approach and quarter of an hour of the campaign's window: who stood, of all labels. A stop is 3 s or more in one
-- place, of a vehicle that drives on an approach that was found; it counts in the quarter in which it begins. The longest queue is what
-- one frame showed, in vehicles: it is no sum over time, and is not expanded. Who hides behind others, and who stands out of the
-- picture, is missing from all three: they say that so many stood at least. Nothing is told of an approach of which too few vehicles
-- of the day were seen from end to end to know that there is one.
WITH arms AS (
    SELECT DISTINCT camera_id, view, approach FROM camera_flows
), followed AS (
    SELECT camera_id, view, approach, sum(whole) AS whole FROM movements_seen GROUP BY ALL
), cells AS (
    SELECT seen.*, arms.view, arms.approach, q.stops, q.stood_s, q.longest_queue,
           coalesce(whole >= getvariable('least_followed'), false) AS sure,
           CASE WHEN tracked AND followed THEN least(coverage, coalesce(q.seen_s, 0) / 900) ELSE 0 END AS counted,
           CASE WHEN coverage > 0 AND NOT tracked THEN 'its tracks are not in the lake'
                WHEN coverage > 0 AND NOT followed THEN 'frames come too seldom to follow vehicles'
                WHEN coverage > 0 AND coalesce(q.seen_s, 0) / 900 < 0.9 * coverage THEN 'the camera showed other views' END AS note,
           EXISTS (
               SELECT 1 FROM declared WHERE declared.camera_id = seen.camera_id AND declared.carriageway IS NULL
               AND declared.label IS NULL AND declared.began_at < seen.ended_at AND declared.ended_at > seen.began_at
           ) AS flagged
    FROM seen JOIN arms USING (camera_id)
    LEFT JOIN followed ON followed.camera_id = seen.camera_id AND followed.view = arms.view AND followed.approach = arms.approach
    LEFT JOIN queues_seen q ON q.camera_id = seen.camera_id AND q.view = arms.view AND q.approach = arms.approach
        AND q.began_at = seen.began_at
), told AS (
    SELECT *, CASE WHEN sure OR NOT usable(status_of(counted, flagged)) THEN status_of(counted, flagged)
                   ELSE 'insufficient' END AS status FROM cells
)
SELECT camera_id, view, approach, began_at, local_at,
       CASE WHEN counted > 0 THEN stops END AS stops,
       CASE WHEN usable(status) THEN stops / counted END AS stops_expanded,
       CASE WHEN usable(status) THEN stood_s / nullif(stops, 0) END AS mean_stood_s,
       CASE WHEN counted > 0 THEN longest_queue END AS longest_queue,
       counted AS coverage, status,
       coalesce(note, CASE WHEN counted > 0 AND NOT sure THEN 'too few were seen from end to end' END) AS quality_note
FROM told ORDER BY camera_id, view, approach, began_at
