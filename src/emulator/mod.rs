//! Plays the service: the live response API with devices that execute scripts.
