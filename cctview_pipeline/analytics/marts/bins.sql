-- One row a quarter of an hour of the local day. They are made by local_calendar.py, which knows clocks and holidays.
SELECT began_at, local_at, local_date, local_time, utc_offset_min, weekday, holiday, period FROM bins ORDER BY began_at
