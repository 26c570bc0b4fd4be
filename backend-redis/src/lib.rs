//! Convoke on Redis or Valkey, by Lua scripts.
