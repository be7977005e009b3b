// SPDX-License-Identifier: LGPL-2.1-or-later
const https = require("https");

https.get(process.env.URL, (answer) => {
    answer.on("data", (part) => process.stdout.write(part));
}).on("error", (error) => {
    console.error(error.message);
    process.exitCode = 1;
});
