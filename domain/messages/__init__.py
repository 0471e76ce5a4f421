"""Every message between actors: frozen, tagged Structs. Commands are imperative, events are past tense and facts."""
