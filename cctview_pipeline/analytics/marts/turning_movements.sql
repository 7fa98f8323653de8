-- One row a camera, view, approach, exit, label and quarter of an hour of the campaign's window: a complete grid of the movements that
-- were found in any of the day's hours. Unit: vehicles. vehicles: those that were followed, each with the probability that it was of
-- this movement; estimated: with those that were seen and not followed, as the others go there, and with what passed while the view
-- was not seen; nothing where too few of the day were seen from end to end. error: how much that leaves open: which way each went (a
-- sum of p (1 - p)), and arrivals unseen, which are overdispersed. What the detector misses, and vehicles of which a camera shows
-- no turn, are not in it: the interval stands only where the counter's error was measured.
WITH ways AS (
    SELECT DISTINCT camera_id, view, approach, exit, turn FROM camera_flows
), shown AS (
    SELECT camera_id, view, began_at, max(seen_s) / 900 AS share FROM queues_seen GROUP BY ALL
), followed AS (
    SELECT camera_id, view, approach, exit, sum(whole) AS whole, sum(whole) / nullif(sum(shared), 0) AS seen_whole
    FROM movements_seen GROUP BY ALL
), cells AS (
    SELECT seen.camera_id, ways.view, ways.approach, ways.exit, ways.turn, labels.label, seen.began_at, seen.local_at, seen.tracked,
           CASE WHEN tracked AND followed THEN least(coverage, coalesce(share, 0)) ELSE 0 END AS counted,
           CASE WHEN coverage > 0 AND NOT tracked THEN 'its tracks are not in the lake'
                WHEN coverage > 0 AND NOT followed THEN 'frames come too seldom to follow vehicles'
                WHEN coverage > 0 AND coalesce(share, 0) < 0.9 * coverage THEN 'the camera showed other views' END AS note,
           seen_whole, coalesce(seen_whole >= getvariable('least_whole') AND whole >= getvariable('least_followed'), false) AS sure,
           EXISTS (
               SELECT 1 FROM declared WHERE declared.camera_id = seen.camera_id AND declared.carriageway IS NULL
               AND coalesce(declared.label, labels.label) = labels.label
               AND declared.began_at < seen.ended_at AND declared.ended_at > seen.began_at
           ) AS flagged
    FROM seen JOIN ways USING (camera_id) CROSS JOIN labels
    LEFT JOIN followed ON followed.camera_id = ways.camera_id AND followed.view = ways.view
         AND followed.approach = ways.approach AND followed.exit = ways.exit
    LEFT JOIN shown ON shown.camera_id = seen.camera_id AND shown.view = ways.view AND shown.began_at = seen.began_at
), told AS (
    SELECT cells.*, CASE WHEN sure OR NOT usable(status_of(counted, flagged)) THEN status_of(counted, flagged)
                         ELSE 'insufficient' END AS status, coalesce(m.followed, 0) AS n, coalesce(m.shared, 0) AS shared,
           coalesce(m.variance, 0) AS variance
    FROM cells LEFT JOIN movements_seen m USING (camera_id, view, approach, exit, label, began_at)
)
SELECT camera_id, view, approach, exit, turn, label, began_at, local_at,
       CASE WHEN counted > 0 THEN n END AS vehicles,
       CASE WHEN usable(status) THEN shared / counted END AS estimated,
       CASE WHEN usable(status) THEN
           sqrt(variance + getvariable('dispersion') * greatest(shared, 1) * (1 - counted)) / counted END AS error,
       CASE WHEN usable(status) THEN lower_end(shared, counted, 'turning_movements') END AS lower,
       CASE WHEN usable(status) AND known_bias('turning_movements') IS NOT NULL
            THEN upper_end(shared, counted, 'turning_movements') END AS upper,
       seen_whole, counted AS coverage, status,
       coalesce(note, CASE WHEN counted > 0 AND NOT sure THEN 'too few were seen from end to end' END) AS quality_note
FROM told ORDER BY camera_id, view, approach, exit, label, began_at
