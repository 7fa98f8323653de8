"""Jobs, schedules and sensors of Dagster, and the commands that work through its instance."""
