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

/// Whether several calls of a script can be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// No.
    None,
    /// Those with the same arguments: for all of them it is enough that it happens once.
    Same,
    /// Those with the same first argument, the time. Their other arguments stand behind each other, and the answer is a
    /// list of the answers for each; also that of one call.
    Listed,
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
    sharing: Sharing,
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
            sharing: Sharing::None,
            keys,
        }
    }

    /// The same with calls that can be one.
    pub(crate) fn shared(self, sharing: Sharing) -> Self {
        Self { sharing, ..self }
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
#[derive(Clone)]
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
            self.arguments.arg(simple(Some(argument)));
        }
        self
    }

    /// Adds the arguments of another call behind its own, where the two can be one ([`Sharing::Listed`]).
    pub(crate) fn list(&mut self, other: &Self) -> bool {
        let mut others = other.arguments.args_iter();
        let is_of_one_time = simple(self.arguments.args_iter().next()) == simple(others.next());
        let goes_with = std::ptr::eq(self.script, other.script) && is_of_one_time;
        if goes_with {
            for argument in others {
                self.arguments.arg(simple(Some(argument)));
            }
        }
        goes_with
    }

    /// Whether several of it can be one.
    pub(crate) fn sharing(&self) -> Sharing {
        self.script.sharing
    }

    /// Whether it may change something.
    pub(crate) fn effect(&self) -> Effect {
        self.script.effect
    }

    /// About how long its arguments are.
    pub(crate) fn bytes(&self) -> usize {
        self.arguments
            .args_iter()
            .map(|argument| simple(Some(argument)).len())
            .sum()
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
            command.arg(simple(Some(argument)));
        }
        command
    }
}

impl PartialEq for Call<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (own, others) = (self.arguments.args_iter(), other.arguments.args_iter());
        std::ptr::eq(self.script, other.script) && own.map(Some).map(simple).eq(others.map(Some).map(simple))
    }
}

/// The bytes of an argument. Calls have no others than simple ones.
fn simple(argument: Option<Arg<&[u8]>>) -> &[u8] {
    match argument {
        Some(Arg::Simple(bytes)) => bytes,
        _ => &[],
    }
}
