-- Sends the requests of a file, one per line: method, path, token or "-", body or "-", separated by tabs; from the line
-- after the given number on, and again from there after the last. Prints what it found as one line of JSON.

local most = 100000
local ready, at = {}, 0

local function format(line)
  local method, path, token, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)$")
  local headers = {}
  if token ~= "-" then headers["Authorization"] = "Bearer " .. token end
  if body == "-" then body = nil else headers["Content-Type"] = "application/json" end
  return wrk.format(method, path, headers, body)
end

function init(args)
  local skipped, from = 0, tonumber(args[2])
  for line in io.lines(args[1]) do
    if skipped < from then
      skipped = skipped + 1
      goto continue
    end
    if #ready == most then break end
    ready[#ready + 1] = format(line)
    ::continue::
  end
end

function request()
  at = at % #ready + 1
  return ready[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"refused":%d,"failed":%d,"p50Ms":%.3f,"p95Ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000))
end
