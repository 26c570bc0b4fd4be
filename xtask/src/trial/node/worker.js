"use strict";
// A worker, started as the README of qtopology-mysql says. Beside that it writes down when it takes itself for the leader:
// `NANOSECONDS leads` or `NANOSECONDS follows`, by the monotonic clock that all processes of this host share.
// Arguments: its name, and the file for these notes. The database comes as JSON in TRIAL_DATABASE.

const fs = require("fs");
const qtopology = require("qtopology");
const { MySqlStorage } = require("qtopology-mysql");

const [name, notes] = process.argv.slice(2);
// Its topologies run in processes of their own, which have to say for whom.
process.env.TRIAL_WORKER = name;
qtopology.logger().setLevel("normal");

const storage = new MySqlStorage(JSON.parse(process.env.TRIAL_DATABASE));
storage.init(error => {
    if (error) {
        console.error(error);
        process.exit(1);
    }
    const worker = new qtopology.TopologyWorker({ name, storage });
    worker.run();
    let led = false;
    setInterval(() => {
        const leads = worker.coordinator.leadership.isLeader();
        if (leads !== led) {
            led = leads;
            fs.appendFileSync(notes, `${process.hrtime.bigint()} ${leads ? "leads" : "follows"}\n`);
        }
    }, 10);
});
