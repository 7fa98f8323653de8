"""One vehicle's detections in one camera and hour, put together."""
