// SPDX-License-Identifier: LGPL-2.1-or-later
// The ways in which programs on Node.js use TLS: node ways.js WAY. Prints "all is well" at the end.
"use strict";
const assert = require("assert");
const fs = require("fs");
const tls = require("tls");

const NAME = "secret.example.org";
const URL = `https://${NAME}/`;
const HELLO = `hello from ${NAME}`;

function get(options) {
    return new Promise((resolve, reject) => {
        const request = require("https").get(URL, options, answer => {
            let text = "";
            answer.on("data", octets => (text += octets));
            answer.on("end", () => (text.includes(HELLO) ? resolve(answer) : reject(new Error(text))));
        });
        request.on("error", reject);
    });
}

function connect(options) {
    return new Promise((resolve, reject) => {
        const socket = tls.connect({ host: NAME, port: 443, servername: NAME, ...options });
        let text = "";
        socket.on("secureConnect", () => {
            const protocol = socket.getProtocol();
            const reused = socket.isSessionReused();
            socket.on("data", octets => (text += octets));
            socket.on("end", () => resolve({ text, protocol, reused, session: socket.session }));
            socket.write(`GET / HTTP/1.1\r\nHost: ${NAME}\r\nConnection: close\r\n\r\n`);
        });
        socket.on("session", session => (socket.session = session));
        socket.on("error", reject);
    });
}

async function inWorkers(workers, each) {
    const { Worker } = require("worker_threads");
    await Promise.all(Array.from({ length: workers }, () => new Promise((resolve, reject) => {
        const worker = new Worker(__filename, { argv: ["worker", String(each)] });
        worker.on("error", reject);
        worker.on("exit", code => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))));
    })));
}

const ways = {
    get: () => get({ agent: false }),
    async fetch() {
        assert((await (await fetch(URL)).text()).includes(HELLO));
    },
    async agent() { // three requests on one connection
        const agent = new (require("https").Agent)({ keepAlive: true, maxSockets: 1 });
        const sockets = new Set();
        for (let i = 0; i < 3; i++) {
            sockets.add((await get({ agent })).socket);
        }
        assert.strictEqual(sockets.size, 1);
        agent.destroy();
    },
    async parallel() {
        await Promise.all(Array.from({ length: 120 }, () => get({ agent: false })));
    },
    threads: () => inWorkers(4, 100),
    async worker() {
        for (let left = Number(process.argv[3]); left > 0; left -= 10) {
            await Promise.all(Array.from({ length: 10 }, () => get({ agent: false })));
        }
    },
    async child() { // a process that this one starts
        const { execFileSync } = require("child_process");
        process.stdout.write(execFileSync(process.execPath, [__filename, "get"]));
    },
    http2: () => new Promise((resolve, reject) => {
        const session = require("http2").connect(URL);
        session.on("error", reject);
        const stream = session.request({ ":path": "/" });
        let text = "";
        stream.on("data", octets => (text += octets));
        stream.on("end", () => session.close(() => (text.includes(HELLO) ? resolve() : reject(new Error(text)))));
    }),
    async tls12() {
        const result = await connect({ maxVersion: "TLSv1.2" });
        assert.strictEqual(result.protocol, "TLSv1.2");
        assert(result.text.includes(HELLO));
    },
    async resume() {
        const first = await connect({});
        const second = await connect({ session: first.session });
        assert(first.text.includes(HELLO) && second.text.includes(HELLO));
        assert.strictEqual(second.reused, true);
    },
    // A server of its own, on a port that is not watched, and a client of it in the same process.
    server: () => new Promise((resolve, reject) => {
        const pki = process.env.PKI;
        const server = require("https").createServer({
            cert: fs.readFileSync(`${pki}/inner.pem`), key: fs.readFileSync(`${pki}/inner.key`),
        }, (request, answer) => answer.end(HELLO));
        server.listen(0, "127.0.0.1", () => {
            require("https").get({ host: "127.0.0.1", port: server.address().port, servername: NAME, agent: false,
            }, answer => {
                answer.resume();
                answer.on("end", () => server.close(() => get({ agent: false }).then(resolve, reject)));
            }).on("error", reject);
        });
    }),
    // A socket of the program's own, and TLS over any stream.
    async stream() {
        const { Duplex } = require("stream");
        const socket = require("net").connect(443, NAME);
        await require("events").once(socket, "connect");
        const both = new Duplex({
            read() {},
            write(octets, encoding, done) { socket.write(octets, done); },
            final(done) { socket.end(done); },
        });
        socket.on("data", octets => both.push(octets));
        socket.on("end", () => both.push(null));
        const result = await connect({ socket: both });
        assert(result.text.includes(HELLO));
    },
    async heap() { // while the garbage collector runs all the time
        const timer = setInterval(() => Array.from({ length: 20000 }, () => ({})), 1);
        for (let i = 0; i < 20; i++) {
            await get({ agent: false });
        }
        clearInterval(timer);
    },
};

const way = process.argv[2];
ways[way]().then(() => {
    if (way !== "worker" && way !== "child") {
        console.log("all is well");
    }
}, error => {
    console.log(`${error.code || (error.cause && error.cause.code)}`);
    process.exitCode = 3;
});
