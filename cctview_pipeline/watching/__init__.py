"""Whether a deployment keeps up: hours that are late, how far figures lag behind cameras, what the lake grows by."""
