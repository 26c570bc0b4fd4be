//! A Lua script and a call of it.

use redis::{Arg, Cmd, ToRedisArgs};

use crate::keys::{Key, Keys};

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
    name: &'static str,
    /// Its own file.
    body: &'static str,
    source: String,
    hash: String,
    effect: Effect,
    keys: &'static [Key],
}

impl Script {
    /// What it shares with others and then its own file, under a line that lets the server refuse a script as a whole
    /// when it is out of memory, a replica or unable to write, before anything has happened.
    pub(crate) fn new(
        name: &'static str,
        effect: Effect,
        keys: &'static [Key],
        shared: &[&str],
        body: &'static str,
    ) -> Self {
        let head = match effect {
            Effect::Read => "#!lua flags=no-writes\n",
            Effect::Write => "#!lua\n",
        };
        let source = [&[head], shared, &[body]].concat().concat();
        let hash = redis::Script::new(&source).get_hash().to_owned();
        Self {
            name,
            body,
            source,
            hash,
            effect,
            keys,
        }
    }

    /// Its own file as a function of Lua, in the table `operations` of a script that has all keys.
    pub(crate) fn as_function(&self) -> String {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| format!("KEYS[{}]", *key as usize + 1))
            .collect();
        let (name, keys, body) = (self.name, keys.join(", "), self.body);
        format!("operations['{name}'] = {{ keys = {{ {keys} }}, run = function(KEYS, ARGV)\n{body}end }}\n")
    }

    /// A call without arguments yet.
    pub(crate) fn call(&self) -> Call<'_> {
        Call {
            script: self,
            arguments: Cmd::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn words_of_keys(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.word()).collect()
    }

    #[cfg(test)]
    pub(crate) fn source(&self) -> &str {
        &self.source
    }
}

/// A script with its arguments.
pub(crate) struct Call<'a> {
    script: &'a Script,
    arguments: Cmd,
}

impl Call<'_> {
    /// The same with another argument.
    pub(crate) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.arguments.arg(argument);
        self
    }

    /// The same with another call behind its own arguments: the name of its script, the number of its arguments, these.
    pub(crate) fn including(mut self, other: &Call<'_>) -> Self {
        let others = other.arguments.args_iter();
        self.arguments.arg(other.script.name).arg(others.len());
        for argument in others {
            if let Arg::Simple(bytes) = argument {
                self.arguments.arg(bytes);
            }
        }
        self
    }

    /// Whether it may change something.
    pub(crate) fn effect(&self) -> Effect {
        self.script.effect
    }

    /// About how long its arguments are.
    pub(crate) fn bytes(&self) -> usize {
        let simple = |argument| match argument {
            Arg::Simple(bytes) => <[u8]>::len(bytes),
            _ => 0,
        };
        self.arguments.args_iter().map(simple).sum()
    }

    /// The command by the hash of the script, which a server that has seen it before understands.
    pub(crate) fn by_hash(&self, keys: &Keys) -> Cmd {
        self.command("EVALSHA", &self.script.hash, keys)
    }

    /// The command with the whole script, which any server understands and remembers.
    pub(crate) fn by_source(&self, keys: &Keys) -> Cmd {
        self.command("EVAL", &self.script.source, keys)
    }

    fn command(&self, name: &str, script: &str, keys: &Keys) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.script.keys.len());
        for key in self.script.keys {
            command.arg(keys.name(*key));
        }
        for argument in self.arguments.args_iter() {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        command
    }
}
