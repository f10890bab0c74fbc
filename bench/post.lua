-- For wrk: a POST from the environment, and a summary as one line of JSON (times in microseconds).
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = os.getenv("BENCH_TOKEN")

-- Each thread counts the answers other than 2xx itself: wrk's own count leaves out 3xx.
local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   refused = 0
end

function response(status, headers, body)
   if status < 200 or status > 299 then
      refused = refused + 1
   end
end

function done(summary, latency, requests)
   local errors = summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout
   for _, thread in ipairs(threads) do
      errors = errors + thread:get("refused")
   end
   print(string.format(
      '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors))
end
