-- SPDX-License-Identifier: LGPL-2.1-or-later
local https = require("ssl.https")
local page, status = https.request({
    url = os.getenv("URL"),
    sink = require("ltn12").sink.file(io.stdout),
    verify = "peer",
    cafile = os.getenv("CA"),
    protocol = "any",
    options = "all",
})
if page == nil then
    io.stderr:write(tostring(status), "\n")
    os.exit(1)
end
