//! Coordination and events behind one contract, on the store you already run.
