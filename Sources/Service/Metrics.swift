// Counters, in the text format of Prometheus.

import Runs
import Synchronization

final class Metrics: Sendable {
    private struct Counters {
        // An alert sees a counter rise only if it was there before.
        var requests = zeros(
            Problem.Kind.allCases.map(\.status) + Route.all.flatMap(\.responses.keys))
        var problems = zeros(Problem.Kind.allCases.map(\.rawValue))
        var jobs = zeros(TrackState.allCases.filter(\.isFinal).map(\.rawValue))
        var segments = 0
        var segmentSeconds = 0.0
        var audioSeconds = 0.0
        var workSeconds = 0.0
        var bytesReceived = 0
        var cacheHits = 0
        var evicted = 0
        var dataBytes = 0
    }

    private static func zeros<Label: Hashable>(_ labels: [Label]) -> [Label: Int] {
        Dictionary(labels.map { ($0, 0) }) { $1 }
    }

    private let counters = Mutex(Counters())
    private let began = Timestamp.uptime

    func count(status: Int, receivedBytes: Int) {
        counters.withLock {
            $0.requests[status, default: 0] += 1
            $0.bytesReceived += receivedBytes
        }
    }

    func count(_ problem: Problem) {
        counters.withLock { $0.problems[problem.kind.rawValue, default: 0] += 1 }
    }

    func countSegment(seconds: Double) {
        counters.withLock {
            $0.segments += 1
            $0.segmentSeconds += seconds
        }
    }

    func count(_ job: Job) {
        counters.withLock {
            $0.jobs[job.state.rawValue, default: 0] += 1
            if job.isCached { $0.cacheHits += 1 }
            guard job.state == .done, !job.isCached, let started = job.started,
                let finished = job.finished
            else { return }
            $0.audioSeconds += job.durationSeconds ?? 0
            $0.workSeconds += finished - started
        }
    }

    /// Seconds of work for a second of sound; nil before a job is done.
    var workPerSecond: Double? {
        counters.withLock { $0.audioSeconds > 0 ? $0.workSeconds / $0.audioSeconds : nil }
    }

    /// Notes the size of the data folder, which takes too long to measure for each reader.
    func measured(dataBytes: Int) { counters.withLock { $0.dataBytes = dataBytes } }

    func countEvicted() { counters.withLock { $0.evicted += 1 } }

    /// - Parameter states: number of jobs in each state.
    func text(
        states: [TrackState: Int], sharedJobs: Int, connections: Int, isReady: Bool, hasFault: Bool
    ) -> String {
        let counters = counters.withLock { $0 }
        var lines: [String] = []
        func add(
            _ name: String, _ type: String, _ help: String,
            _ values: [(label: String, value: String)]
        ) {
            lines.append("# HELP swift_demucs_\(name) \(help)")
            lines.append("# TYPE swift_demucs_\(name) \(type)")
            lines += values.map { "swift_demucs_\(name)\($0.label) \($0.value)" }
        }
        func add(_ name: String, _ type: String, _ help: String, _ value: some Any) {
            add(name, type, help, [("", "\(value)")])
        }
        func add(
            _ name: String, _ help: String, by label: String, _ counts: [some Comparable: Int]
        ) {
            let counts = counts.sorted { $0.key < $1.key }
            add(name, "counter", help, counts.map { ("{\(label)=\"\($0.key)\"}", "\($0.value)") })
        }
        add("ready", "gauge", "Whether the model is loaded.", isReady ? 1 : 0)
        add(
            "machine_fault", "gauge",
            "Whether the machine lacks room, memory, or files that can be used.",
            hasFault ? 1 : 0)
        add("uptime_seconds", "gauge", "Seconds since the start.", Timestamp.uptime - began)
        add(
            "jobs", "gauge", "Jobs by state.",
            TrackState.allCases.map { ("{state=\"\($0.rawValue)\"}", "\(states[$0] ?? 0)") })
        add("shared_jobs", "gauge", "Jobs that are open for all users.", sharedJobs)
        add("queue_length", "gauge", "Jobs that wait.", states[.queued] ?? 0)
        add("jobs_total", "Jobs that have ended, by result.", by: "result", counters.jobs)
        add("cache_hits_total", "counter", "Jobs with results from the cache.", counters.cacheHits)
        add("evicted_total", "counter", "Jobs removed for age or space.", counters.evicted)
        add("segments_total", "counter", "Segments that were separated.", counters.segments)
        add(
            "segment_seconds_total", "counter", "Time spent on these segments.",
            counters.segmentSeconds)
        add("audio_seconds_total", "counter", "Sound that was separated.", counters.audioSeconds)
        add("work_seconds_total", "counter", "Time spent on it.", counters.workSeconds)
        add(
            "real_time_factor", "gauge", "Seconds of sound separated in a second, on average.",
            counters.workSeconds > 0 ? counters.audioSeconds / counters.workSeconds : 0)
        add("received_bytes_total", "counter", "Bytes of uploads.", counters.bytesReceived)
        add("data_bytes", "gauge", "Bytes in the data folder.", counters.dataBytes)
        add("connections", "gauge", "Open connections.", connections)
        add("requests_total", "Requests by status.", by: "status", counters.requests)
        add("problems_total", "Refused requests by kind.", by: "kind", counters.problems)
        return lines.joined(separator: "\n") + "\n"
    }
}
