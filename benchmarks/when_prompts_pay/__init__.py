"""When prompt tokens see more than any linear map of the frozen readout: by oracles, kind of task by kind of task."""
