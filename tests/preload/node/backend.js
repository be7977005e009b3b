// SPDX-License-Identifier: LGPL-2.1-or-later
// Plain servers behind the ECH server: node backend.js http1|http2|registry PORT
"use strict";
const HELLO = "hello from secret.example.org\n";
const [how, port] = process.argv.slice(2);

// ---- a registry of npm with one package ----

function tar(name, text) {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0" + "0000000\0" + "0000000\0", 100);
    header.write(text.length.toString(8).padStart(11, "0") + "\0" + "00000000000\0" + "        0", 124);
    header.write("ustar\0" + "00", 257);
    const sum = header.reduce((total, octet) => total + octet, 0);
    header.write(sum.toString(8).padStart(6, "0") + "\0 ", 148);
    return Buffer.concat([header, Buffer.from(text), Buffer.alloc(1536 - text.length)]);
}

function registry() {
    const about = { name: "local-package", version: "1.2.3", description: "from the local registry" };
    const tarball = require("zlib").gzipSync(tar("package/package.json", JSON.stringify(about)));
    const digest = require("crypto").createHash("sha512").update(tarball).digest("base64");
    const version = {
        ...about, dist: { tarball: "https://secret.example.org/local-package.tgz", integrity: `sha512-${digest}` },
    };
    const all = JSON.stringify({
        name: about.name, "dist-tags": { latest: about.version }, versions: { [about.version]: version },
    });
    return (request, answer) => answer.end(request.url.endsWith(".tgz") ? tarball : all);
}

const handlers = { http1: (request, answer) => answer.end(HELLO), http2: (request, answer) => answer.end(HELLO) };
const handler = how === "registry" ? registry() : handlers[how];
require(how === "http2" ? "http2" : "http").createServer(handler).listen(Number(port), "127.0.0.1", () => console.log("ready"));
