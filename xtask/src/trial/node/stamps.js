"use strict";
// While it runs, it says so: every 20 ms a line `NANOSECONDS WORKER PID` in a file. For the Node client it is a spout that
// emits nothing; for `convoke agent` a program: `node stamps.js FILE`.

const fs = require("fs");

const EVERY_MS = 20;

function stamp(file, worker) {
    fs.appendFileSync(file, `${process.hrtime.bigint()} ${worker} ${process.pid}\n`);
}

class Stamps {
    init(name, config, context, callback) {
        this.file = config.file;
        this.timer = null;
        callback();
    }

    heartbeat() {}

    run() {
        const worker = process.env.TRIAL_WORKER;
        stamp(this.file, worker);
        this.timer = setInterval(() => stamp(this.file, worker), EVERY_MS);
    }

    pause() {
        clearInterval(this.timer);
    }

    shutdown(callback) {
        clearInterval(this.timer);
        callback();
    }

    next(callback) {
        callback(null, null);
    }
}

exports.create = () => new Stamps();

if (require.main === module) {
    setInterval(() => stamp(process.argv[2], process.env.CONVOKE_NAME), EVERY_MS);
}
