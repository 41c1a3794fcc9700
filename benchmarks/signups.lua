-- wrk's part of benchmarks/signups.py: every request is another reader, from another network.
local threads, next_id = {}, 0

function setup(thread)
  thread:set("id", next_id)
  next_id = next_id + 1
  table.insert(threads, thread)
end

function init(arguments)
  before, behind, run = arguments[1], arguments[2], arguments[3]
  number, refused = 0, 0
  fields = {
    ["Content-Type"] = "application/x-www-form-urlencoded",
    ["Host"] = arguments[4], ["Cookie"] = arguments[5], ["Referer"] = arguments[6],
    ["X-Forwarded-Proto"] = "https",
  }
end

function request()
  number = number + 1
  local n = id * 4000000 + number
  fields["X-Forwarded-For"] = string.format("%d.%d.%d.7", 11 + math.floor(n / 65536) % 180, math.floor(n / 256) % 256, n % 256)
  local email = string.format("w%s-%d%%40mail%d.example", run, n, n % 4999)
  return wrk.format("POST", nil, fields, before .. email .. behind)
end

function response(status)
  if status ~= 303 then refused = refused + 1 end
end

function done(summary, latency)
  local refused = 0
  for _, thread in ipairs(threads) do refused = refused + thread:get("refused") end
  io.write(string.format(
    "RESULT %d %d %d %d %d\n", summary.requests, summary.duration, refused,
    latency:percentile(50), latency:percentile(99)))
end
