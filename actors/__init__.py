"""Who acts: one file per actor, thin. What they decide lies in `domain`; how they live lies in `actors.runtime`."""
