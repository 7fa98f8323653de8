-- One row a time in which a camera's figures are not what they seem: those that the campaign declares, and those that are found
-- here. Found ones lie over whole quarters that follow each other, and are questionable until a person says so under [[anomalies]]
-- in campaign.toml; a declared one that is dismissed takes back what was found within it. No value is changed by a found one.
WITH quarters AS (
    SELECT camera_id, NULL::VARCHAR AS carriageway, began_at, began_at + INTERVAL 15 MINUTE AS ended_at, 'frozen' AS kind,
           'caveat' AS problem, 'the same picture came for ' || round(frozen_s)::INT || ' s' AS note
    FROM coverage WHERE frozen_s >= 60 AND began_at >= getvariable('day_begin') AND began_at < getvariable('day_end')
    UNION ALL
    SELECT camera_id, NULL, began_at, began_at + INTERVAL 15 MINUTE, 'moved', 'questionable',
           CASE WHEN views > 1 THEN 'its frames show ' || views || ' views' ELSE 'it was turning for ' || round(moved_s)::INT || ' s' END
    FROM coverage WHERE (views > 1 OR moved_s > 0) AND began_at >= getvariable('day_begin') AND began_at < getvariable('day_end')
    UNION ALL
    SELECT camera_id, carriageway, began_at, began_at + INTERVAL 15 MINUTE, 'counters_disagree', 'questionable',
           'vehicles in view tell of ' || round(in_view_count)::INT || ' and the line of ' || vehicles
    FROM flows WHERE vehicles >= getvariable('many') AND abs(disagreement) > getvariable('apart')
    UNION ALL
    SELECT camera_id, carriageway, began_at, began_at + INTERVAL 15 MINUTE, 'flow_balance', 'questionable',
           round(100 * balance)::INT || ' % of the vehicles of ' || (
               SELECT string_agg(DISTINCT from_camera_id, ' and ' ORDER BY from_camera_id)
               FROM edges WHERE to_camera_id = flows.camera_id AND enters = flows.carriageway)
    FROM flows WHERE balance > 0 AND greatest(expanded, expanded / balance) >= getvariable('many')
    AND greatest(balance, 1 / balance) > 1 + 1.5 * getvariable('apart')
    UNION ALL
    SELECT f.camera_id, f.carriageway, f.began_at, f.began_at + INTERVAL 15 MINUTE, 'no_vehicles', 'questionable',
           'nobody passed, where ' || round(usual)::INT || ' are usual in a quarter of this day'
    FROM flows f JOIN (
        SELECT camera_id, carriageway, median(expanded) FILTER (WHERE expanded > 0) AS usual FROM flows GROUP BY ALL
    ) USING (camera_id, carriageway)
    WHERE f.vehicles = 0 AND usable(f.status) AND usual >= getvariable('many')
), runs AS (
    SELECT *, began_at - INTERVAL 15 MINUTE * row_number() OVER (PARTITION BY camera_id, carriageway, kind ORDER BY began_at) AS run
    FROM quarters
), found AS (
    SELECT camera_id, carriageway, NULL::VARCHAR AS label, min(began_at) AS began_at, max(ended_at) AS ended_at, kind, problem,
           'auto' AS investigation, any_value(note ORDER BY began_at) AS note
    FROM runs GROUP BY camera_id, carriageway, kind, problem, run
)
SELECT camera_id, carriageway, label, began_at, ended_at, kind, problem, investigation, note
FROM found WHERE NOT EXISTS (
    SELECT 1 FROM said WHERE said.investigation = 'dismissed' AND said.camera_id = found.camera_id
    AND coalesce(said.carriageway, found.carriageway, '') = coalesce(found.carriageway, '')
    AND said.began_at <= found.began_at AND said.ended_at >= found.ended_at)
UNION ALL
SELECT camera_id, carriageway, label, began_at, ended_at, 'declared', problem, investigation, note
FROM said WHERE began_at < getvariable('day_end') AND ended_at > getvariable('day_begin')
ORDER BY ALL
