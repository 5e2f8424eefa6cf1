//! The laws of the engine, tried with random events.
