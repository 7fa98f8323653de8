"""A city of streets: a signalised arterial with four crossings, its traffic, its people and its cameras."""
