"use strict";
// A spout that emits nothing, and says while it runs that it does: every 20 ms a line `NANOSECONDS WORKER PID` in a file.

const fs = require("fs");

class Stamps {
    init(name, config, context, callback) {
        this.file = config.file;
        this.timer = null;
        callback();
    }

    heartbeat() {}

    run() {
        this.stamp();
        this.timer = setInterval(() => this.stamp(), 20);
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

    stamp() {
        fs.appendFileSync(this.file, `${process.hrtime.bigint()} ${process.env.TRIAL_WORKER} ${process.pid}\n`);
    }
}

exports.create = () => new Stamps();
