//! A Lua script and a call of it.

use redis::{Arg, Cmd, ToRedisArgs};

/// Whether a call may change something, and so whether it may be repeated when its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

/// A script, as the server gets it.
#[derive(Debug)]
pub(crate) struct Script {
    source: String,
    hash: String,
    effect: Effect,
}

impl Script {
    /// The parts one after the other, under a line that lets the server refuse a script as a whole when it is out of
    /// memory, a replica or unable to write, before anything has happened.
    pub(crate) fn new(effect: Effect, parts: &[&str]) -> Self {
        let head = match effect {
            Effect::Read => "#!lua flags=no-writes\n",
            Effect::Write => "#!lua\n",
        };
        let source: String = std::iter::once(head).chain(parts.iter().copied()).collect();
        let hash = redis::Script::new(&source).get_hash().to_owned();
        Self { source, hash, effect }
    }

    /// A call with these keys.
    pub(crate) fn with_keys(&self, keys: &[&str]) -> Call<'_> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len()).arg(keys);
        Call { script: self, command }
    }

    #[cfg(test)]
    pub(crate) fn source(&self) -> &str {
        &self.source
    }
}

/// A script with its keys and arguments.
pub(crate) struct Call<'a> {
    script: &'a Script,
    command: Cmd,
}

impl Call<'_> {
    /// The same with another argument.
    pub(crate) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.command.arg(argument);
        self
    }

    /// Whether it may change something.
    pub(crate) fn effect(&self) -> Effect {
        self.script.effect
    }

    /// The command by the hash of the script, which a server that has seen it before understands.
    pub(crate) fn by_hash(&self) -> &Cmd {
        &self.command
    }

    /// The command with the whole script, which any server understands and remembers.
    pub(crate) fn by_source(&self) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(&self.script.source);
        for argument in self.command.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        command
    }
}
