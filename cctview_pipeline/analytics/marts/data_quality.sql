-- One row a camera and local day, by FHWA's six measures of traffic data quality (Turner 2002): accuracy (how far the two counters
-- disagree), completeness, validity, timeliness, coverage, accessibility. verdict is the first rung of the ladder that holds, as
-- PeMS diagnoses detectors: that no camera of the network sent anything is not this camera's fault.
WITH bins_of AS (
    SELECT camera_id, began_at, ended_at, arg_max(status, list_position(['observed', 'expanded', 'insufficient', 'no_data', 'flagged'], status)) AS status,
           avg(abs(disagreement)) FILTER (WHERE vehicles >= getvariable('many')) AS disagreement
    FROM flows JOIN bins USING (began_at) GROUP BY ALL
), excluded AS (
    SELECT camera_id, string_agg(DISTINCT kind || ': ' || note, '; ' ORDER BY kind || ': ' || note) AS excluded
    FROM anomalies WHERE problem = 'do-not-use' AND investigation != 'dismissed' GROUP BY ALL
), valid AS (
    SELECT b.camera_id, avg((NOT EXISTS (
        SELECT 1 FROM anomalies a WHERE a.camera_id = b.camera_id AND a.problem != 'caveat' AND a.investigation != 'dismissed'
        AND a.began_at < b.ended_at AND a.ended_at > b.began_at))::INT) AS validity
    FROM bins_of b WHERE status != 'no_data' GROUP BY ALL
), took AS (
    SELECT camera_id, max(lag_p95_s) AS timeliness_s, sum(frozen_s) / 900 AS frozen, sum(moved_s) / 900 AS moved, max(views) AS views
    FROM coverage WHERE began_at >= getvariable('day_begin') AND began_at < getvariable('day_end') GROUP BY ALL
), shown AS (SELECT camera_id, avg(coverage) AS coverage FROM seen GROUP BY ALL
), hours AS (
    SELECT c.camera_id, avg((made.camera_id IS NOT NULL)::INT) AS accessibility
    FROM (SELECT DISTINCT camera_id, date_trunc('hour', began_at) AS hour FROM coverage
          WHERE frames > 0 AND began_at >= getvariable('day_begin') AND began_at < getvariable('day_end')) c
    LEFT JOIN made USING (camera_id, hour) GROUP BY ALL
), models AS (SELECT camera_id, string_agg(DISTINCT model, ', ' ORDER BY model) AS models FROM passages GROUP BY ALL),
days AS (
    SELECT camera_id, avg(disagreement) AS accuracy, avg(usable(status)::INT) AS completeness,
           count(*) FILTER (WHERE status = 'observed') AS bins_observed, count(*) FILTER (WHERE status = 'expanded') AS bins_expanded,
           count(*) FILTER (WHERE status = 'insufficient') AS bins_insufficient,
           count(*) FILTER (WHERE status = 'no_data') AS bins_no_data, count(*) FILTER (WHERE status = 'flagged') AS bins_flagged
    FROM bins_of GROUP BY ALL
)
SELECT camera_id, getvariable('day')::DATE AS local_date,
       CASE WHEN (SELECT max(shown.coverage) FROM shown) = 0 THEN 'network_down'
            WHEN coverage = 0 THEN 'camera_down'
            WHEN completeness < 0.5 THEN 'insufficient'
            WHEN frozen >= 1 THEN 'frozen'
            WHEN moved > 0 OR views > 1 THEN 'moved'
            WHEN accuracy > getvariable('apart') THEN 'counters_disagree'
            ELSE 'good' END AS verdict,
       bins_observed, bins_expanded, bins_insufficient, bins_no_data, bins_flagged,
       accuracy, completeness, validity, timeliness_s, coverage, coalesce(accessibility, 0) AS accessibility,
       coalesce(excluded, '') AS excluded, coalesce(models, '') AS models
FROM days LEFT JOIN excluded USING (camera_id) LEFT JOIN valid USING (camera_id) LEFT JOIN took USING (camera_id)
JOIN shown USING (camera_id) LEFT JOIN hours USING (camera_id) LEFT JOIN models USING (camera_id)
ORDER BY camera_id
