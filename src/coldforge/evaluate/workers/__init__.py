"""Models loaded in worker processes, so that two can be measured in turn."""
