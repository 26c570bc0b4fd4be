"use strict";
// What an operator of qtopology does: by its command line, and what only its dashboard can do as that does it.
// Arguments: those of its command line, or kill-topology UUID, or set_enabled, set_disabled or rebalance WORKER.

const qtopology = require("qtopology");
const { MySqlStorage } = require("qtopology-mysql");

const storage = new MySqlStorage(JSON.parse(process.env.TRIAL_DATABASE));
const [what, whom] = process.argv.slice(2);

function done(error) {
    storage.close(() => process.exit(error ? 1 : 0));
}

if (what === "kill-topology") {
    storage.killTopology(whom, done);
} else if (["set_enabled", "set_disabled", "rebalance"].includes(what)) {
    storage.sendMessageToWorker(whom, what, {}, 60 * 1000, done);
} else {
    new qtopology.CommandLineHandler(storage).run(done);
}
